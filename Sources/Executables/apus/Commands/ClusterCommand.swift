import ArgumentParser
import Chaos
import MessageFormat
import RemotingProtocol

struct ClusterCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cluster", abstract: "Look at the cluster and its health.",
        subcommands: [ClusterInfoCommand.self, ClusterHealth.self])
}

struct ClusterInfoCommand: ApusCommand {
    static let configuration = CommandConfiguration(
        commandName: "info", abstract: "Show the brokers and what they do.",
        discussion: """
            Example:
              apus cluster info
            """)

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func perform() async throws {
        let nodes = try await self.connection.withCluster { access in
            let info = try await attempting("cannot show the cluster") {
                () async throws(AccessError) in
                try await access.clusterInfo()
            }
            return await access.brokers(of: info)
        }
        if self.output.json {
            Terminal.print(["brokers": .array(nodes.map(\.json))])
        } else {
            var table = Table("CLUSTER", "BROKER", "ID", "ADDRESS", "VERSION", "FLUSH", "STATE")
            for node in nodes {
                table.add(
                    node.cluster, node.name, "\(node.id)", node.address, node.version ?? "-",
                    node.flush ?? "-", node.problem ?? "serving")
            }
            Terminal.print(table.text)
        }
    }
}

struct ClusterHealth: ApusCommand {
    static let configuration = CommandConfiguration(
        commandName: "health", abstract: "Ask every server whether it is well.",
        discussion: """
            Exits 0 if every name server and every broker answers and each broker group has a \
            master, 1 otherwise.

            Example:
              apus cluster health --name-server "10.0.0.1:9876;10.0.0.2:9876"
            """)

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    private struct Check {
        var what: String
        var problem: String?
    }

    func perform() async throws {
        let checks = try await self.connection.withCluster { access in
            var checks: [Check] = []
            var info: ClusterInfo?
            for address in access.nameServers {
                do throws(AccessError) {
                    let answer = try await access.call(
                        .request(.getBrokerClusterInfo), to: address)
                    let own: ClusterInfo = try ClusterAccess.body(of: answer, from: address)
                    info = info ?? own
                    checks.append(Check(what: "name server \(address)"))
                } catch {
                    let problem = error.plainText
                    checks.append(Check(what: "name server \(address)", problem: problem))
                }
            }
            guard let info else { return checks }
            return checks + Self.masters(of: info)
                + (await access.brokers(of: info)).map {
                    Check(what: "broker \($0.name) \($0.id) at \($0.address)", problem: $0.problem)
                }
        }
        self.report(checks)
        if checks.contains(where: { $0.problem != nil }) {
            throw ExitCode(ExitStatus.negative.rawValue)
        }
    }

    private static func masters(of info: ClusterInfo) -> [Check] {
        if info.brokers.isEmpty { return [Check(what: "brokers", problem: "none is registered")] }
        return info.brokers.values.sorted { $0.brokerName < $1.brokerName }.map {
            Check(
                what: "broker group \($0.brokerName)",
                problem: $0.masterAddress == nil ? "it has no master" : nil)
        }
    }

    private func report(_ checks: [Check]) {
        if self.output.json {
            Terminal.print([
                "healthy": .bool(checks.allSatisfy { $0.problem == nil }),
                "checks": .array(
                    checks.map {
                        [
                            "what": .string($0.what),
                            "problem": $0.problem.map { .string($0) } ?? .null,
                        ]
                    }),
            ])
        } else {
            for check in checks {
                Terminal.print("\(check.what): \(check.problem ?? "well")")
            }
        }
    }
}

/// A broker as the name server lists it and as it speaks of itself.
private struct BrokerInfo: Sendable {
    var cluster: String
    var name: String
    var id: Int64
    var address: String
    var version: String?
    var flush: String?
    var runtime: [String: String] = [:]
    var problem: String?

    var json: JSONValue {
        [
            "cluster": .string(self.cluster), "broker": .string(self.name),
            "id": .integer(self.id), "address": .string(self.address),
            "version": self.version.map { .string($0) } ?? .null,
            "flushDiskType": self.flush.map { .string($0) } ?? .null,
            "runtime": .sorted(self.runtime.mapValues { .string($0) }),
            "problem": self.problem.map { .string($0) } ?? .null,
        ]
    }
}

extension ClusterAccess {
    /// All brokers, each asked about itself; one that does not answer has a problem.
    fileprivate func brokers(of info: ClusterInfo) async -> [BrokerInfo] {
        var brokers: [BrokerInfo] = []
        for group in info.brokers.values.sorted(by: { $0.brokerName < $1.brokerName }) {
            for (id, address) in group.addresses.sorted(by: { $0.key < $1.key }) {
                var broker = BrokerInfo(
                    cluster: group.cluster, name: group.brokerName, id: id, address: address)
                await self.ask(&broker)
                brokers.append(broker)
            }
        }
        return brokers
    }

    private func ask(_ broker: inout BrokerInfo) async {
        do throws(AccessError) {
            let answer = try await self.call(.request(.getBrokerRuntimeInfo), to: broker.address)
            let table: KVTable = try Self.body(of: answer, from: broker.address)
            broker.runtime = table.table
            broker.version = table.table["brokerVersionDesc"]
            let configuration = try await self.brokerConfiguration(at: broker.address)
            broker.flush = configuration["flushDiskType"]
        } catch {
            broker.problem = error.plainText
        }
    }
}
