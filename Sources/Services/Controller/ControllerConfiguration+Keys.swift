package import ConfigurationFormat
import Logging
import Monitoring
import RemotingProtocol

extension ControllerConfiguration {
    /// Every key of a controller's file.
    package static let table = SettingsTable(
        program: "apus-controller", defaults: Self.ofProcess, settings: Self.settings,
        fixed: Self.fixed, idleKeys: RocketMQKeys.controller, check: { $0.mistakes })

    private static let ofProcess: Self = {
        var configuration = Self()
        configuration.monitor = .controller
        return configuration
    }()

    private typealias Key = Setting<ControllerConfiguration>

    private static let settings: [Key] = [
        Key("controllerGroup", \.groupName, .text, aliases: ["controllerDLegerGroup"]),
        Key(
            "controllerSelfId", \.id, orNothing: .text, aliases: ["controllerDLegerSelfId"],
            inForce: { $0.own?.id }),
        Key("controllerPeers", \.peers, .peers, aliases: ["controllerDLegerPeers"]),
        Key(
            "bindAddress", \.listenHost, orNothing: .text,
            inForce: { $0.listenHost ?? $0.own?.endpoint.host }),
        Key(
            "listenPort", \.listenPort, orNothing: .number(1...65_534),
            inForce: { $0.own?.endpoint.port }),
        Key("httpPort", \.monitor.port, .monitorPort, aliases: ["metricsPromExporterPort"]),
        Key("httpAddress", \.monitor.host, .text, aliases: ["metricsPromExporterHost"]),
        Key("controllerStorePath", \.dataDirectory, .text),
        Key("logLevel", \.logLevel, .choice(of: Logger.Level.allCases.map { ($0.rawValue, $0) })),
    ]

    private static let fixed: [FixedSetting<ControllerConfiguration>] = [
        FixedSetting(
            "enableElectUncleanMaster", "false",
            "what is acknowledged is given up only by an operator: apus broker elect --force"),
        FixedSetting("notifyBrokerRoleChanged", "true", "brokers always hear of it"),
        .metricsExporterType,
    ]

    private var own: (id: String, endpoint: ControllerEndpoint)? { try? self.checkedSelf() }

    /// What is wrong with settings that are right one by one.
    private var mistakes: [String] {
        do throws(ControllerConfigurationError) {
            _ = try self.checkedSelf()
            return []
        } catch {
            return [error.description]
        }
    }
}

extension SettingForm<[ControllerPeer]> {
    fileprivate static var peers: Self {
        SettingForm(
            parse: { text throws(WrongValue) in
                do throws(ControllerConfigurationError) {
                    return try ControllerConfiguration.peers(text)
                } catch {
                    throw WrongValue(
                        "is a list such as n0-10.0.0.1:9878;n1-10.0.0.2:9878 with ports up to 65534"
                    )
                }
            }, print: { $0.map { "\($0.id)-\($0.address)" }.joined(separator: ";") })
    }
}
