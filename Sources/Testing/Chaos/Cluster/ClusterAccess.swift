package import Logging
package import MessageFormat
package import NIOCore
package import RemotingProtocol
package import RemotingTransport

/// Plain calls to name servers and brokers, one request each, without caches and retries.
///
/// What checks and measures a cluster goes through here: a client library that hid a fault would
/// hide it from the check too. It speaks nothing but RocketMQ's protocol.
package final class ClusterAccess: Sendable {
    package let nameServers: [String]
    package let remoting: RemotingClient
    package let timeout: Duration

    /// `nameServers` are addresses of host:port.
    package init(
        nameServers: [String], group: any EventLoopGroup, timeout: Duration = .seconds(5),
        logger: Logger
    ) {
        self.nameServers = nameServers
        self.timeout = timeout
        self.remoting = RemotingClient(group: group, logger: logger)
    }

    package func shutdown() async { await self.remoting.shutdown() }

    /// Sends a request; any answer but one of `accepting` is an error.
    package func call(
        _ command: RemotingCommand, to address: String, accepting: Set<ResponseCode> = [.success]
    ) async throws(AccessError) -> ReceivedCommand {
        let answer: ReceivedCommand
        do {
            answer = try await self.remoting.call(command, to: address, timeout: self.timeout)
        } catch {
            throw .unreachable(error)
        }
        guard accepting.contains(answer.responseCode) else {
            throw .refused(answer.responseCode, remark: answer.remark ?? "", by: address)
        }
        return answer
    }

    /// Asks one name server after the other until one answers.
    package func callNameServer(
        _ command: RemotingCommand
    ) async throws(AccessError) -> ReceivedCommand {
        var last = AccessError.noRoute(topic: command["topic"] ?? "")
        for address in self.nameServers {
            do {
                return try await self.call(command, to: address)
            } catch {
                // A name server that knows nothing may have started just now: ask the others.
                last = error
            }
        }
        throw last
    }
}

// MARK: - Routes

extension ClusterAccess {
    package func route(of topic: String) async throws(AccessError) -> TopicRouteData {
        do {
            let answer = try await self.callNameServer(
                .request(
                    .getRouteInfoByTopic,
                    fields: ["acceptStandardJsonOnly": "true", "topic": topic]))
            return try Self.body(of: answer, from: "the name server")
        } catch {
            if error.responseCode == .topicNotExist { throw .noRoute(topic: topic) }
            throw error
        }
    }

    package func clusterInfo() async throws(AccessError) -> ClusterInfo {
        let answer = try await self.callNameServer(.request(.getBrokerClusterInfo))
        return try Self.body(of: answer, from: "the name server")
    }

    package func topics() async throws(AccessError) -> [String] {
        let answer = try await self.callNameServer(.request(.getAllTopicListFromNameServer))
        let list: TopicList = try Self.body(of: answer, from: "the name server")
        return list.topics.sorted()
    }

    package static func body<Body: JSONBody>(
        of answer: ReceivedCommand, from address: String
    ) throws(AccessError) -> Body {
        do throws(BodyError) {
            return try Body(bodyOf: answer)
        } catch {
            throw .unreadable(problem: "\(error)", from: address)
        }
    }

    package static func int64(
        _ name: StaticString, of answer: ReceivedCommand, from address: String
    ) throws(AccessError) -> Int64 {
        do throws(HeaderFieldError) {
            return try answer.requiredInt64(name)
        } catch {
            throw .unreadable(problem: "\(error)", from: address)
        }
    }
}

/// A queue and the address of the master that serves it.
package struct RoutedQueue: Hashable, Sendable {
    package var queue: MessageQueue
    package var address: String

    package init(queue: MessageQueue, address: String) {
        self.queue = queue
        self.address = address
    }
}

extension TopicRouteData {
    /// The queues that can be read, sorted; those of a broker group without a master are left out.
    package func readableQueues(of topic: String) -> [RoutedQueue] {
        self.routed(topic, permission: .read, count: \.readQueues)
    }

    /// The queues that can be written, sorted.
    package func writableQueues(of topic: String) -> [RoutedQueue] {
        self.routed(topic, permission: .write, count: \.writeQueues)
    }

    private func routed(
        _ topic: String, permission: TopicPermission, count: (QueueData) -> Int32
    ) -> [RoutedQueue] {
        let masters = Dictionary(
            self.brokers.map { ($0.brokerName, $0.masterAddress) }, uniquingKeysWith: { $1 })
        return self.queues.filter { $0.permission.contains(permission) }
            .flatMap { data -> [RoutedQueue] in
                guard let address = masters[data.brokerName] ?? nil else { return [] }
                return (0..<max(0, count(data))).map { id in
                    let queue = MessageQueue(
                        topic: topic, brokerName: data.brokerName, queueID: id)
                    return RoutedQueue(queue: queue, address: address)
                }
            }
            .sorted { $0.queue < $1.queue }
    }
}
