package import BrokerEngine
package import LogCore
import MessageFormat
import RemotingProtocol

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
    package var port = 10911
    package var dataDirectory = "store"
    package var flushMode = FlushProgress.Mode.sync
    package var autoCreateTopics = true
    package var autoCreateGroups = true
    /// Whether the topic of message traces is there from the start.
    package var hasTraceTopic = false
    package var bodyBytesMax = 4 << 20
    /// Whether consumers may choose messages by their properties (SQL92).
    package var enablePropertyFilter = true
    package var segmentBytes = 256 << 20
    package var reservedHours = 72
    package var diskUsedPercentMax = 85
    /// When producers are asked about transactions that they left open, and how often.
    package var transactionTimeout = Duration.seconds(6)
    package var transactionCheckInterval = Duration.seconds(30)
    package var transactionChecksMax = 15
    /// Controllers of the broker's group; none: this broker is alone.
    package var controllers: [String] = []
    /// Where replicas connect to; the port behind `port` when it is not said.
    package var replicationPort: Int?
    /// Nothing is acknowledged with fewer copies in step; the default needs a group to have two.
    package var minInSyncReplicas: Int?
    /// Smaller is preferred where logs are equal.
    package var electionPriority = Int32.max
    /// Event loops for connections. One is shared with the engine, which saves two thread changes
    /// a request; more pay off on machines with many cores.
    package var ioThreads = 1

    package init() {}

    /// Applies a configuration file's text. Returns the names of keys that mean nothing here.
    package mutating func apply(properties text: String) throws(ConfigurationError) -> [String] {
        var unknown: [String] = []
        for (key, value) in PropertiesText(parsing: text).pairs {
            if try !self.set(key, value) { unknown.append(key) }
        }
        return unknown
    }

    private mutating func set(_ key: String, _ value: String) throws(ConfigurationError) -> Bool {
        switch key {
        case "namesrvAddr": self.nameServers = Self.addresses(value)
        case "brokerClusterName": self.clusterName = value
        case "brokerName": self.brokerName = value
        case "brokerIP1": self.advertisedHost = value
        case "bindAddress": self.listenHost = value
        case "listenPort": self.port = try Self.number(key, value, in: 0...65_535)
        case "storePathRootDir": self.dataDirectory = value
        case "flushDiskType": self.flushMode = try Self.flushMode(value)
        case "autoCreateTopicEnable": self.autoCreateTopics = try Self.flag(key, value)
        case "autoCreateSubscriptionGroup": self.autoCreateGroups = try Self.flag(key, value)
        case "traceTopicEnable": self.hasTraceTopic = try Self.flag(key, value)
        case "enablePropertyFilter": self.enablePropertyFilter = try Self.flag(key, value)
        case "maxMessageSize":
            self.bodyBytesMax = try Self.number(key, value, in: 1_024...(6 << 20))
        case "mappedFileSizeCommitLog":
            self.segmentBytes = try Self.number(key, value, in: (32 << 20)...(1 << 30))
            guard self.segmentBytes % (1 << 20) == 0 else {
                throw ConfigurationError("\(key) is a multiple of 1048576, not \(value)")
            }
        case "fileReservedTime": self.reservedHours = try Self.number(key, value, in: 1...87_600)
        case "diskMaxUsedSpaceRatio":
            self.diskUsedPercentMax = try Self.number(key, value, in: 10...99)
        case "ioThreads": self.ioThreads = try Self.number(key, value, in: 1...64)
        case "brokerId":
            guard value == "0" || value == "-1" else {
                throw ConfigurationError(
                    "brokerId \(value): leave it out, controllers give every broker its id")
            }
        default: return try self.setGroup(key, value)
        }
        return true
    }

    /// What only a broker with controllers knows.
    private mutating func setGroup(
        _ key: String, _ value: String
    ) throws(ConfigurationError) -> Bool {
        switch key {
        case "controllerAddr": self.controllers = Self.addresses(value)
        case "haListenPort": self.replicationPort = try Self.number(key, value, in: 0...65_535)
        case "minInSyncReplicas", "inSyncReplicas":
            // Everybody in step has to keep what is acknowledged, so both ask for the same.
            let count = try Self.number(key, value, in: 1...100)
            self.minInSyncReplicas = max(self.minInSyncReplicas ?? 1, count)
        case "brokerElectionPriority":
            self.electionPriority = Int32(try Self.number(key, value, in: 0...Int(Int32.max)))
        default: return try self.setTransactions(key, value)
        }
        return true
    }

    private mutating func setTransactions(
        _ key: String, _ value: String
    ) throws(ConfigurationError) -> Bool {
        let milliseconds = 100...86_400_000
        switch key {
        case "transactionTimeOut":
            self.transactionTimeout = .milliseconds(
                try Self.number(key, value, in: milliseconds))
        case "transactionCheckInterval":
            self.transactionCheckInterval = .milliseconds(
                try Self.number(key, value, in: milliseconds))
        case "transactionCheckMax":
            self.transactionChecksMax = try Self.number(key, value, in: 1...10_000)
        default: return false
        }
        return true
    }

    package static func addresses(_ text: String) -> [String] {
        text.split { $0 == ";" || $0 == "," || $0 == " " }.map(String.init)
    }

    package static func flushMode(_ text: String) throws(ConfigurationError) -> FlushProgress.Mode {
        switch text.lowercased() {
        case "sync", "sync_flush": .sync
        case "async", "async_flush": .async
        default:
            throw ConfigurationError("flushDiskType is SYNC_FLUSH or ASYNC_FLUSH, not \(text)")
        }
    }

    private static func flag(_ key: String, _ value: String) throws(ConfigurationError) -> Bool {
        switch value.lowercased() {
        case "true": true
        case "false": false
        default: throw ConfigurationError("\(key) is true or false, not \(value)")
        }
    }

    private static func number(
        _ key: String, _ value: String, in range: ClosedRange<Int>
    ) throws(ConfigurationError) -> Int {
        guard let number = Int(value), range.contains(number) else {
            throw ConfigurationError(
                "\(key) is a number from \(range.lowerBound) to \(range.upperBound), not \(value)")
        }
        return number
    }
}

extension BrokerConfiguration {
    /// The address that goes into routes and messages.
    package var advertisedAddress: String { "\(self.reachableHost):\(self.port)" }

    /// The address that replicas are told.
    package var advertisedReplicationAddress: String {
        "\(self.reachableHost):\(self.replicationListenPort)"
    }

    var replicationListenPort: Int { self.replicationPort ?? self.port + 1 }

    private var reachableHost: String {
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
        settings.bodyBytesMax = self.bodyBytesMax
        settings.enablePropertyFilter = self.enablePropertyFilter
        settings.hasTraceTopic = self.hasTraceTopic
        settings.checkTransactions(
            after: self.transactionTimeout, every: self.transactionCheckInterval,
            atMost: self.transactionChecksMax, for: .seconds(self.reservedHours * 3_600))
        settings.fitTables(toSegment: segmentBytes)
        settings.retention.age = .seconds(self.reservedHours * 3_600)
        settings.retention.diskUsedRatioMax = Double(self.diskUsedPercentMax) / 100
        return settings
    }
}
