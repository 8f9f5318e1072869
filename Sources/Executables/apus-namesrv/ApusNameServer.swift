import ArgumentParser
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

            Exit codes: 0 stopped, 64 wrong usage or configuration, or a port that is taken, 70 \
            cannot run.
            """)

    @Option(help: "A file of key=value lines; flags override it.")
    var config: String?

    @Option(help: "The address to listen on. Default: 127.0.0.1.")
    var listen: String?

    @Option(help: "The port to listen on, 0 for any free one. Default: 9876.")
    var port: UInt16?

    func run() async throws {
        LoggingSystem.bootstrap(StreamLogHandler.standardError)
        let logger = Logger(label: "apus-namesrv")
        let configuration: NameServerConfiguration
        do {
            configuration = try self.nameServerConfiguration(logger: logger)
        } catch {
            Self.complain(error)
            throw ExitCode(EX_USAGE)
        }
        do {
            try await Self.serve(configuration, logger: logger)
        } catch {
            Self.complain(error)
            throw ExitCode(error is NameServerError ? EX_USAGE : EX_SOFTWARE)
        }
    }

    private func nameServerConfiguration(
        logger: Logger
    ) throws(NameServerError) -> NameServerConfiguration {
        var configuration = NameServerConfiguration()
        if let path = self.config {
            for key in try configuration.apply(try ConfigurationFile.read(path)) {
                logger.warning("\(path): \(key) means nothing to a name server")
            }
        }
        if let listen = self.listen { configuration.host = listen }
        if let port = self.port { configuration.port = Int(port) }
        return configuration
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
