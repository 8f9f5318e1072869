package import ConfigurationFormat
import LogCore
import Logging
import Monitoring

extension BrokerConfiguration {
    /// Every key of a broker's file.
    package static let table = SettingsTable(
        program: "apus-broker", defaults: Self.ofProcess,
        settings: Self.names + Self.addresses + Self.group + Self.store + Self.delivery
            + Self.times + Self.process,
        fixed: Self.fixed, idleKeys: RocketMQKeys.broker, check: { $0.mistakes })

    private static let ofProcess: Self = {
        var configuration = Self()
        configuration.monitor = .broker
        return configuration
    }()

    private typealias Key = Setting<BrokerConfiguration>

    private static let names: [Key] = [
        Key("brokerClusterName", \.clusterName, .text),
        Key("brokerName", \.brokerName, .text),
        Key("namesrvAddr", \.nameServers, .addresses),
    ]

    private static let addresses: [Key] = [
        Key("bindAddress", \.listenHost, .text),
        Key("listenPort", \.port, .number(1...65_535)),
        Key(
            "brokerIP1", \.advertisedHost, orNothing: .text, inForce: { $0.reachableHost }),
        Key(
            "brokerIP2", \.replicationHost, orNothing: .text,
            inForce: { $0.replicationHost ?? $0.reachableHost }),
        Key(
            "haListenPort", \.replicationPort, orNothing: .number(1...65_535),
            inForce: { $0.replicationListenPort }),
        Key("httpPort", \.monitor.port, .monitorPort, aliases: ["metricsPromExporterPort"]),
        Key("httpAddress", \.monitor.host, .text, aliases: ["metricsPromExporterHost"]),
    ]

    private static let group: [Key] = [
        Key("controllerAddr", \.controllerAddresses, .addresses),
        Key(
            "enableControllerMode", \.hasControllers, orNothing: .flag,
            inForce: { !$0.controllers.isEmpty }),
        Key(
            "minInSyncReplicas", \.minInSyncReplicas, orNothing: .number(1...100),
            inForce: { $0.copiesMin }),
        Key("inSyncReplicas", \.inSyncReplicas, .number(1...100)),
        Key("brokerElectionPriority", \.electionPriority, .number(0...Int32.max)),
    ]

    private static let store: [Key] = [
        Key("storePathRootDir", \.dataDirectory, .text),
        Key("flushDiskType", \.flushMode, .flushMode),
        Key(
            "flushIntervalCommitLog", \.flushInterval,
            .duration(.milliseconds, .milliseconds(1)...(.seconds(60)))),
        Key(
            "mappedFileSizeCommitLog", \.segmentBytes,
            .bytes((32 << 20)...(1 << 30), multipleOf: 1 << 20),
            aliases: ["mapedFileSizeCommitLog"]),
        Key(
            "fileReservedTime", \.reservedTime,
            .duration(.hours, .seconds(3_600)...(.seconds(87_600 * 3_600)))),
        Key("diskMaxUsedSpaceRatio", \.diskUsedPercentMax, .percent(10...99)),
        Key("scrubBytesPerSecond", \.scrubBytesPerSecond, .bytes(0...(1 << 30))),
    ]

    private static let delivery: [Key] = [
        Key("maxMessageSize", \.bodyBytesMax, .bytes(1_024...(6 << 20))),
        Key("autoCreateTopicEnable", \.autoCreateTopics, .flag),
        Key("defaultTopicQueueNums", \.autoCreateQueues, .number(1...1_024)),
        Key("autoCreateSubscriptionGroup", \.autoCreateGroups, .flag),
        Key("enablePropertyFilter", \.enablePropertyFilter, .flag),
        Key("traceTopicEnable", \.hasTraceTopic, .flag),
        Key("popFromRetryProbability", \.retryFirstPercent, .percent(0...100)),
        Key("messageDelayLevel", \.delayLevels, .text),
        Key(
            "timerMaxDelaySec", \.delayMax,
            .duration(.seconds, .seconds(1)...(.seconds(40 * 86_400)))),
        Key(
            "timerPrecisionMs", \.delayPrecision,
            .duration(.milliseconds, .milliseconds(1)...(.seconds(60)))),
    ]

    private static let times: [Key] = [
        Key("syncFlushTimeout", \.flushTimeout, .duration(.milliseconds, Self.waits)),
        Key("slaveTimeout", \.replicaTimeout, .duration(.milliseconds, Self.waits)),
        Key("waitTimeMillsInSendQueue", \.sendWaitMax, .duration(.milliseconds, Self.waits)),
        Key("transactionTimeOut", \.transactionTimeout, .duration(.milliseconds, Self.checks)),
        Key(
            "transactionCheckInterval", \.transactionCheckInterval,
            .duration(.milliseconds, Self.checks)),
        Key("transactionCheckMax", \.transactionChecksMax, .number(1...10_000)),
    ]

    private static let waits: ClosedRange<Duration> = .milliseconds(100)...(.seconds(60))
    private static let checks: ClosedRange<Duration> = .milliseconds(100)...(.seconds(86_400))

    private static let process: [Key] = [
        Key("ioThreads", \.ioThreads, .number(1...64)),
        Key("connectionsMax", \.connectionsMax, .number(16...1_000_000)),
        Key(
            "serverChannelMaxIdleTimeSeconds", \.idleTime,
            .duration(.seconds, .seconds(10)...(.seconds(86_400)))),
        Key("logLevel", \.logLevel, .logLevel),
    ]
}

extension BrokerConfiguration {
    /// What is wrong with settings that are right one by one.
    private var mistakes: [String] {
        var mistakes: [String] = []
        if self.hasControllers == true, self.controllerAddresses.isEmpty {
            mistakes.append("enableControllerMode=true: controllerAddr names no controllers")
        }
        do throws(ConfigurationError) {
            try self.checkPorts()
            _ = try self.settings(segmentBytes: self.segmentBytes)
        } catch {
            mistakes.append(error.description)
        }
        return mistakes
    }

    private static let fixed: [FixedSetting<BrokerConfiguration>] = [
        FixedSetting("brokerId") { value, _ in
            value == "0" || value == "-1"
                ? .fine : .wrong("leave it out, controllers give every broker its id")
        },
        FixedSetting("brokerRole") { value, configuration in
            guard value.uppercased() == "SLAVE" else { return .fine }
            return configuration.controllers.isEmpty
                ? .wrong("a broker becomes a replica only where controllers say so: controllerAddr")
                : .noEffect("the controllers say who is master")
        },
        FixedSetting("storePathCommitLog") { value, configuration in
            let here = configuration.dataDirectory + "/commitlog"
            return Self.steps(value) == Self.steps(here)
                ? .fine : .noEffect("the log is in \(here), see storePathRootDir")
        },
        FixedSetting("enableDLegerCommitLog") { value, _ in
            value.lowercased() == "false"
                ? .fine : .wrong("groups are steered by controllers: controllerAddr")
        },
        FixedSetting(
            "allAckInSyncStateSet", "true",
            "every member of the SyncStateSet keeps a message before it is acknowledged"),
        FixedSetting("enableSlaveActingMaster", "false", "a replica never acts as a master"),
        FixedSetting("slaveReadEnable", "false", "masters alone are read from"),
        FixedSetting("longPollingEnable", "true", "a pull that finds nothing is always held"),
        FixedSetting("timerWheelEnable", "true", "delivery times are always kept"),
        FixedSetting("recallMessageEnable", "true", "delayed messages can always be recalled"),
        FixedSetting("rejectTransactionMessage", "false", "transactions are always taken"),
        FixedSetting("brokerPermission", "6", "topics have permissions, brokers have not"),
        .metricsExporterType,
        FixedSetting("aclEnable", "false", Self.noAccessControl),
        FixedSetting("authenticationEnabled", "false", Self.noAccessControl),
        FixedSetting("authorizationEnabled", "false", Self.noAccessControl),
    ]

    private static let noAccessControl =
        "there is no access control: keep all ports inside a network that you trust"

    private static func steps(_ path: String) -> [Substring] { path.split(separator: "/") }
}

extension SettingForm<FlushProgress.Mode> {
    fileprivate static var flushMode: Self {
        SettingForm(
            parse: { text throws(WrongValue) in
                switch text.lowercased() {
                case "sync", "sync_flush": .sync
                case "async", "async_flush": .async
                default: throw WrongValue("is SYNC_FLUSH or ASYNC_FLUSH")
                }
            }, print: { $0 == .sync ? "SYNC_FLUSH" : "ASYNC_FLUSH" })
    }
}

extension SettingForm<Logger.Level> {
    fileprivate static var logLevel: Self {
        .choice(of: Logger.Level.allCases.map { ($0.rawValue, $0) })
    }
}
