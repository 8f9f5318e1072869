package import ConfigurationFormat
package import Logging
package import Monitoring
package import NameServerEngine
package import RoutingCore

/// How a name server is set up. Keys in files are RocketMQ's.
package struct NameServerConfiguration: Sendable {
    package var host = "127.0.0.1"
    /// 0: any that is free.
    package var port = 9876
    package var settings = NameServerSettings()
    package var limits = RoutingLimits()
    package var logLevel = Logger.Level.info
    /// Where it tells how it is; off for name servers that are no process of their own.
    package var monitor = MonitorAddress.off

    package init() {}
}

extension NameServerConfiguration {
    /// Every key of a name server's file.
    package static let table = SettingsTable(
        program: "apus-namesrv", defaults: Self.ofProcess, settings: Self.keys,
        fixed: Self.fixed, idleKeys: RocketMQKeys.nameServer)

    private static let ofProcess: Self = {
        var configuration = Self()
        configuration.monitor = .nameServer
        return configuration
    }()

    private typealias Key = Setting<NameServerConfiguration>

    private static let keys: [Key] = [
        Key("bindAddress", \.host, .text),
        Key("listenPort", \.port, .number(0...65_535)),
        Key("httpPort", \.monitor.port, .monitorPort, aliases: ["metricsPromExporterPort"]),
        Key("httpAddress", \.monitor.host, .text, aliases: ["metricsPromExporterHost"]),
        Key("orderMessageEnable", \.settings.orderMessageEnable, .flag),
        Key("supportActingMaster", \.settings.supportActingMaster, .flag),
        Key(
            "returnOrderTopicConfigToBroker", \.settings.returnOrderTopicConfigToBroker, .flag),
        Key("logLevel", \.logLevel, .choice(of: Logger.Level.allCases.map { ($0.rawValue, $0) })),
    ]

    private static let fixed: [FixedSetting<NameServerConfiguration>] = [
        FixedSetting(
            "enableControllerInNamesrv", "false",
            "controllers are processes of their own: apus-controller"),
        .metricsExporterType,
    ]
}

/// Why a name server does not run.
package enum NameServerError: Error, Hashable, Sendable {
    case cannotListen(host: String, port: Int, reason: String)
    case cannotMonitor(String)
}

extension NameServerError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .cannotMonitor(let problem): problem
        case .cannotListen(let host, let port, let reason):
            "cannot listen on \(host):\(port): \(reason)"
        }
    }
}
