package import BrokerEngine
package import LogCore
package import Logging
import MessageFormat
package import Monitoring

/// Why a broker cannot be configured as asked.
package struct ConfigurationError: Error, Hashable, CustomStringConvertible {
    package var description: String

    package init(_ description: String) { self.description = description }
}

/// Everything an operator may set, with RocketMQ's names in the file.
package struct BrokerConfiguration: Sendable {
    package var nameServers: [String] = ["127.0.0.1:9876"]
    package var clusterName = "DefaultCluster"
    package var brokerName = "broker-a"
    /// Address to listen on.
    package var listenHost = "127.0.0.1"
    /// IPv4 address under which clients reach this broker; 127.0.0.1 while it listens there.
    package var advertisedHost: String?
    /// The same for replicas; that of clients when it is not said.
    package var replicationHost: String?
    package var port = 10911
    package var dataDirectory = "store"
    package var flushMode = FlushProgress.Mode.sync
    /// How often what `ASYNC_FLUSH` has written is flushed.
    package var flushInterval = Duration.milliseconds(500)
    /// How long a send waits for the disk, and for replicas.
    package var flushTimeout = Duration.seconds(5)
    package var replicaTimeout = Duration.seconds(3)
    /// How long a send should wait for both; of more than that allows, sends are refused.
    package var sendWaitMax = Duration.milliseconds(200)
    package var autoCreateTopics = true
    package var autoCreateGroups = true
    /// Most queues of a topic that a send creates.
    package var autoCreateQueues = 8
    /// Whether the topic of message traces is there from the start.
    package var hasTraceTopic = false
    package var bodyBytesMax = 4 << 20
    /// Whether consumers may choose messages by their properties (SQL92).
    package var enablePropertyFilter = true
    /// Delays of the levels from 1 on, as `messageDelayLevel` has them.
    package var delayLevels = "1s 5s 10s 30s 1m 2m 3m 4m 5m 6m 7m 8m 9m 10m 20m 30m 1h 2h"
    /// How far ahead a delivery time may lie, and of what it is a multiple.
    package var delayMax = Duration.seconds(40 * 86_400)
    package var delayPrecision = Duration.milliseconds(1)
    /// In how many of a hundred pops what is tried again comes first.
    package var retryFirstPercent = 20
    package var segmentBytes = 256 << 20
    package var reservedTime = Duration.seconds(72 * 3_600)
    package var diskUsedPercentMax = 85
    /// At this rate full segments are read through, so that rot is found; 0: they are not.
    package var scrubBytesPerSecond = 2 << 20
    /// When producers are asked about transactions that they left open, and how often.
    package var transactionTimeout = Duration.seconds(6)
    package var transactionCheckInterval = Duration.seconds(30)
    package var transactionChecksMax = 15
    /// Where the controllers of the broker's group are.
    var controllerAddresses: [String] = []
    /// Whether the broker is one of a group; nil: if controllers are named.
    var hasControllers: Bool?
    /// Controllers of the broker's group; none: this broker is alone.
    package var controllers: [String] {
        get { self.hasControllers ?? true ? self.controllerAddresses : [] }
        set { self.controllerAddresses = newValue }
    }
    /// Where replicas connect to; the port behind `port` when it is not said.
    package var replicationPort: Int?
    /// Nothing is acknowledged with fewer copies in step; the default needs a group to have two.
    package var minInSyncReplicas: Int?
    /// The same: everybody in step has to keep what is acknowledged, so the larger one counts.
    package var inSyncReplicas = 1
    /// Smaller is preferred where logs are equal.
    package var electionPriority = Int32.max
    /// Event loops for connections. One is shared with the engine, which saves two thread changes
    /// a request; more pay off on machines with many cores.
    package var ioThreads = 1
    /// A connection on which nothing happens for so long is closed.
    package var idleTime = Duration.seconds(120)
    package var connectionsMax = 20_000
    package var logLevel = Logger.Level.info
    /// Where it tells how it is; off for brokers that are no process of their own.
    package var monitor = MonitorAddress.off

    package init() {}
}

extension BrokerConfiguration {
    /// The address that goes into routes and messages.
    package var advertisedAddress: String { "\(self.reachableHost):\(self.port)" }

    /// The address that replicas are told.
    package var advertisedReplicationAddress: String {
        "\(self.replicationHost ?? self.reachableHost):\(self.replicationListenPort)"
    }

    /// How many copies in step an acknowledgement needs.
    var copiesMin: Int {
        let least = self.minInSyncReplicas ?? (self.controllers.isEmpty ? 1 : 2)
        return max(least, self.inSyncReplicas)
    }

    var replicationListenPort: Int { self.replicationPort ?? self.port + 1 }

    var reachableHost: String {
        self.advertisedHost ?? (self.listenHost == "0.0.0.0" ? "127.0.0.1" : self.listenHost)
    }

    /// What the engine needs of it. `segmentBytes` is the log's own size: it may be older.
    package func settings(segmentBytes: Int) throws(ConfigurationError) -> BrokerSettings {
        let address = self.advertisedAddress
        let host = address.prefix { $0 != ":" }
        guard let storeHost = HostAddress(ipv4: host, port: Int32(self.port)) else {
            throw ConfigurationError(
                "brokerIP1 must be an IPv4 address such as 192.0.2.7, not \(host): messages carry it"
            )
        }
        for (kind, name) in [
            ("brokerName", self.brokerName), ("brokerClusterName", self.clusterName),
        ] {
            if let problem = ResourceName.problem(withTopic: name) {
                throw ConfigurationError("\(kind): \(problem)")
            }
        }
        var settings = BrokerSettings(
            cluster: self.clusterName, brokerName: self.brokerName,
            autoCreateTopics: self.autoCreateTopics, autoCreateGroups: self.autoCreateGroups)
        settings.storeHost = storeHost
        settings.flushMode = self.flushMode
        settings.flushTimeout = self.flushTimeout
        settings.admission.waitMax = self.sendWaitMax
        settings.autoCreateQueues = self.autoCreateQueues
        settings.retryFirstPercent = self.retryFirstPercent
        if let problem = settings.setDelays(
            levels: self.delayLevels, atMost: self.delayMax, precision: self.delayPrecision)
        {
            throw ConfigurationError("messageDelayLevel: \(problem)")
        }
        settings.bodyBytesMax = self.bodyBytesMax
        settings.enablePropertyFilter = self.enablePropertyFilter
        settings.hasTraceTopic = self.hasTraceTopic
        settings.checkTransactions(
            after: self.transactionTimeout, every: self.transactionCheckInterval,
            atMost: self.transactionChecksMax, for: self.reservedTime)
        settings.fitTables(toSegment: segmentBytes)
        settings.retention.age = self.reservedTime
        settings.retention.diskUsedRatioMax = Double(self.diskUsedPercentMax) / 100
        settings.scrubBytesPerSecond = self.scrubBytesPerSecond
        return settings
    }
}
