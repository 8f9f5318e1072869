import ArgumentParser
import ConfigurationFormat
import Glibc
import Logging
import NameServer
import ServerCommand
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

    @Option(help: "The port to listen on, 0 for any free one. Default: 9876.")
    var port: String?

    @OptionGroup var server: ServerOptions

    func run() async throws {
        LoggingSystem.bootstrap(StreamLogHandler.standardError)
        var logger = Logger(label: "apus-namesrv")
        let settings: ResolvedSettings<NameServerConfiguration>
        do {
            settings = try self.server.resolve(
                NameServerConfiguration.table, [("--port", "listenPort", self.port)])
        } catch {
            error.problems.forEach(Self.complain)
            throw ExitCode(EX_USAGE)
        }
        logger.logLevel = settings.configuration.logLevel
        self.server.log(settings, to: logger)
        if self.server.printConfig { return print(settings.text, terminator: "") }
        do {
            try await Self.serve(settings.configuration, logger: logger)
        } catch {
            Self.complain(error)
            throw ExitCode(error is NameServerError ? EX_USAGE : EX_SOFTWARE)
        }
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
