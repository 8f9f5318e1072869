import ArgumentParser
import ConfigurationFormat
import ConfigurationSources
import Glibc
import Logging
import NameServer
import ServiceLifecycle
import UnixSignals

/// Runs a name server until it is told to stop.
@main
struct ApusNameServer: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apus-namesrv",
        abstract: "The route registry of an Apus cluster: which brokers serve which topic.",
        discussion: """
            Keeps everything in memory: brokers register and bring it back after a restart. Prints \
            one line that starts with "ready" once it accepts connections; logs go to stderr. \
            SIGTERM and SIGINT stop it in order.

            A flag wins over the environment (listenPort is APUS_LISTEN_PORT), that over the \
            configuration file in RocketMQ's properties form, that over the default.

            Exit codes: 0 stopped, 64 wrong usage or configuration, or a port that is taken, 70 \
            cannot run.
            """)

    @Option(name: [.customShort("c"), .long], help: "Configuration file (key=value lines).")
    var config: String?

    @Option(help: "The address to listen on. Default: 127.0.0.1.")
    var listen: String?

    @Option(help: "The port to listen on, 0 for any free one. Default: 9876.")
    var port: String?

    @Option(
        help: ArgumentHelp(
            "Port of /healthz, /readyz and /metrics: 0 for any that is free, off for none.",
            discussion: "Default: 8087, or none if that is taken.", valueName: "port"))
    var httpPort: String?

    @Option(help: "Address of that port. Default: 127.0.0.1.")
    var httpListen: String?

    @Option(help: "Least level of log lines: trace, debug, info, notice, warning, error.")
    var logLevel: String?

    @Option(help: ArgumentHelp("Any setting; may be repeated.", valueName: "key=value"))
    var set: [String] = []

    @Flag(
        name: [.customShort("p"), .long],
        help: "Print all settings in force, and who says so, as a configuration file; then exit.")
    var printConfig = false

    func run() async throws {
        LoggingSystem.bootstrap(StreamLogHandler.standardError)
        var logger = Logger(label: "apus-namesrv")
        let settings: ResolvedSettings<NameServerConfiguration>
        do {
            settings = try self.arguments().resolve(NameServerConfiguration.table)
        } catch {
            error.problems.forEach(Self.complain)
            throw ExitCode(EX_USAGE)
        }
        logger.logLevel = settings.configuration.logLevel
        for remark in settings.remarks {
            logger.log(level: remark.level == .info ? .info : .warning, "\(remark.text)")
        }
        if self.printConfig { return print(settings.text, terminator: "") }
        do {
            try await Self.serve(settings.configuration, logger: logger)
        } catch {
            Self.complain(error)
            throw ExitCode(error is NameServerError ? EX_USAGE : EX_SOFTWARE)
        }
    }

    private func arguments() throws(ConfigurationProblems) -> ServerArguments {
        var arguments = ServerArguments(file: self.config)
        arguments.add("--listen", for: "bindAddress", self.listen)
        arguments.add("--port", for: "listenPort", self.port)
        arguments.add("--http-port", for: "httpPort", self.httpPort)
        arguments.add("--http-listen", for: "httpAddress", self.httpListen)
        arguments.add("--log-level", for: "logLevel", self.logLevel)
        try arguments.add("--set", pairs: self.set)
        return arguments
    }

    private static func serve(_ configuration: NameServerConfiguration, logger: Logger) async throws
    {
        let nameServer = NameServer(configuration: configuration, logger: logger) { host, port in
            print("ready apus-namesrv \(host):\(port) pid \(getpid())")
            fflush(nil)
        }
        var options = ServiceGroupConfiguration(
            services: [
                .init(service: nameServer, successTerminationBehavior: .gracefullyShutdownGroup)
            ],
            gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        options.maximumGracefulShutdownDuration = .seconds(5)
        try await ServiceGroup(configuration: options).run()
    }

    private static func complain(_ error: any Error) {
        let line = Array("apus-namesrv: \(error)\n".utf8)
        _ = write(STDERR_FILENO, line, line.count)
    }
}
