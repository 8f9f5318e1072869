import Chaos
import MessageFormat
import RemotingProtocol

/// Everything that can be asked about a cluster at one moment.
struct ClusterPicture: Sendable {
    struct NameServer: Sendable {
        var address: String
        var info: ClusterInfo?
        var problem: String?
    }

    var nameServers: [NameServer] = []
    var brokers: [BrokerInfo] = []
    /// Empty in a cluster without controllers.
    var controllers: [ControllerState] = []
    var groups: SyncStateData?
    /// Why the controllers say nothing about the groups.
    var groupsProblem: String?
    /// There must be controllers, and none of them answers.
    var isBlind = false

    /// Nobody who knows the groups could be asked.
    var isUnknown: Bool {
        self.isBlind || self.info == nil && self.controllers.allSatisfy { $0.role == nil }
    }

    /// The first name server's view.
    var info: ClusterInfo? { self.nameServers.lazy.compactMap(\.info).first }
}

/// A broker as the name server lists it and as it speaks of itself.
struct BrokerInfo: Sendable {
    var cluster: String
    var name: String
    var id: Int64
    var address: String
    var version: String?
    var flush: String?
    /// `brokerRole` of its configuration.
    var role: String?
    /// Its id among the brokers of its group; name servers call every master 0.
    var groupID: Int64?
    var minInSync: Int?
    var runtime: [String: String] = [:]
    var problem: String?

    /// Whether controllers decide who is master of its group.
    var isControlled: Bool { self.role == "SYNC_MASTER" || self.role == "SLAVE" }

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

extension ClusterPicture {
    /// Asks everybody. Controllers that nobody named may not be there at all.
    static func take(
        _ access: ClusterAccess, _ options: ControllerOptions
    ) async throws(CommandFailure) -> Self {
        var picture = Self()
        for address in access.nameServers {
            picture.nameServers.append(await access.nameServer(at: address))
        }
        if let info = picture.info { picture.brokers = await access.brokers(of: info) }
        await picture.ask(access, try await options.addresses(by: access))
        return picture
    }

    private mutating func ask(_ access: ClusterAccess, _ addresses: ControllerAddresses) async {
        let access = ControllerAccess(access: access, addresses: addresses.list)
        let survey = await access.survey()
        self.controllers = survey.states
        guard !survey.answers.isEmpty else {
            guard self.mustHaveControllers(addresses) else { return }
            self.controllers = access.addresses.map {
                ControllerState(
                    id: "", address: $0, problem: survey.failures[$0]?.plainText ?? "not asked",
                    advice: addresses.advice)
            }
            self.isBlind = true
            return
        }
        do throws(AccessError) {
            self.groups = try await access.groups()
        } catch {
            self.groupsProblem = error.plainText
        }
    }
}

extension ClusterPicture {
    /// Of brokers that once had controllers only those that run tell whether they still do.
    private func mustHaveControllers(_ addresses: ControllerAddresses) -> Bool {
        switch addresses.source {
        case .named: true
        case .nameServers: self.brokers.isEmpty || self.brokers.contains(where: \.isControlled)
        case .assumed: self.brokers.contains(where: \.isControlled)
        }
    }
}

extension ClusterAccess {
    fileprivate func nameServer(at address: String) async -> ClusterPicture.NameServer {
        do throws(AccessError) {
            let answer = try await self.call(.request(.getBrokerClusterInfo), to: address)
            return .init(address: address, info: try Self.body(of: answer, from: address))
        } catch {
            return .init(address: address, problem: error.plainText)
        }
    }

    /// All brokers, each asked about itself; one that does not answer has a problem.
    func brokers(of info: ClusterInfo) async -> [BrokerInfo] {
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
            broker.role = configuration["brokerRole"]
            broker.groupID = configuration["brokerId"].flatMap { Int64($0) }.flatMap {
                $0 > 0 ? $0 : nil
            }
            broker.minInSync = configuration["minInSyncReplicas"].flatMap { Int($0) }
        } catch {
            broker.problem = error.plainText
        }
    }
}
