package import ArgumentParser
package import ConfigurationFormat
import ConfigurationSources
package import Logging

/// The flags that every server has, and what all do with them before they start.
package struct ServerOptions: ParsableArguments {
    @Option(name: [.customShort("c"), .long], help: "Configuration file (key=value lines).")
    package var config: String?
    @Option(
        help: """
            Address to listen on. Default: 127.0.0.1; of a controller, the host that its peers know.
            """)
    package var listen: String?
    @Option(
        help: ArgumentHelp(
            "Port of /healthz, /readyz and /metrics: 0 for any that is free, off for none.",
            discussion: """
                Default: 8087 of a name server, 8088 of a broker, 8089 of a controller, or none \
                if that is taken.
                """, valueName: "port"))
    package var httpPort: String?
    @Option(help: "Address of that port. Default: 127.0.0.1.")
    package var httpListen: String?
    @Option(help: "Least level of log lines: trace, debug, info, notice, warning, error.")
    package var logLevel: String?
    @Option(help: ArgumentHelp("Any setting; may be repeated.", valueName: "key=value"))
    package var set: [String] = []
    @Flag(
        name: [.customShort("p"), .long],
        help: "Print all settings in force, and who says so, as a configuration file; then exit.")
    package var printConfig = false

    package init() {}

    /// A flag that only one kind of server has, and the key that it stands for.
    package typealias OwnFlag = (name: String, key: String, value: String?)

    /// The settings in force. `--set` counts more than a flag of the same key.
    package func resolve<Configuration>(
        _ table: SettingsTable<Configuration>, _ own: [OwnFlag]
    ) throws(ConfigurationProblems) -> ResolvedSettings<Configuration> {
        var arguments = ServerArguments(file: self.config)
        for flag in own { arguments.add(flag.name, for: flag.key, flag.value) }
        arguments.add("--listen", for: "bindAddress", self.listen)
        arguments.add("--http-port", for: "httpPort", self.httpPort)
        arguments.add("--http-listen", for: "httpAddress", self.httpListen)
        arguments.add("--log-level", for: "logLevel", self.logLevel)
        try arguments.add("--set", pairs: self.set)
        return try arguments.resolve(table)
    }

    /// Logs what there is to say about the settings.
    package func log<Configuration>(
        _ settings: ResolvedSettings<Configuration>, to logger: Logger
    ) {
        for remark in settings.remarks {
            logger.log(level: remark.level == .info ? .info : .warning, "\(remark.text)")
        }
    }
}
