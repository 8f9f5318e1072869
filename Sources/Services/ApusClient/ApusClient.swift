public import Logging

/// The client library: `Producer`, `PushConsumer`, `PullConsumer` and `Admin`.
///
/// ```swift
/// let configuration = ApusClient.Configuration(nameServers: "127.0.0.1:9876")
/// let producer = Producer(configuration)
/// let receipt = try await producer.send(Message(topic: "orders", body: "hello"))
/// await producer.close()
/// ```
public enum ApusClient {
    /// Which cluster, and how patiently it is asked.
    public struct Configuration: Sendable {
        /// `host:port` of every name server. They are asked in turn.
        public var nameServers: [String]
        /// How long one request of a consumer or an admin may take. Sends have their own limits.
        public var requestTimeout: Duration = .seconds(3)
        /// How often brokers hear that a client is alive, at least. RocketMQ's give up one that is
        /// silent for two minutes.
        public var heartbeatInterval: Duration = .seconds(30)
        /// After how much silence Apus brokers give the queues of a consumer that hangs to the others
        /// of its group; 1 second to 2 minutes. Its heartbeats go out three times as often. The
        /// queues of one whose connection closed are given away at once.
        public var consumerLease: Duration = .seconds(10)
        /// How often routes are asked for again when nothing went wrong.
        public var routeInterval: Duration = .seconds(2)
        /// Keeps topics and groups apart from those of the cluster's other users: producers and
        /// consumers call topic `T` what is `namespace%T` at the brokers, as RocketMQ's 4.x clients
        /// do. `Admin` sees the names that the brokers know.
        public var namespace: String?
        /// Nil: producers and consumers do not write down what becomes of their messages.
        public var trace: TraceOptions?
        /// Where warnings go. By default nowhere.
        public var logger: Logger

        /// - Parameter nameServers: `host:port` of each; at least one.
        public init(
            nameServers: [String],
            logger: Logger = Logger(label: "apus.client") { _ in SwiftLogNoOpLogHandler() }
        ) {
            self.nameServers = nameServers
            self.logger = logger
        }

        var consumerHeartbeatInterval: Duration {
            max(min(self.heartbeatInterval, self.consumerLease / 3), .milliseconds(100))
        }

        /// - Parameter nameServers: addresses separated by `;` or `,`.
        public init(nameServers: String) {
            self.init(
                nameServers: nameServers.split { ";, ".contains($0) }.map { String($0) })
        }
    }
}
