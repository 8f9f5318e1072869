import ArgumentParser
import Controller
import Glibc
import Logging
import ServiceLifecycle
import UnixSignals

/// Parses flags, reads the configuration file, runs one controller until a signal.
@main
struct ApusController: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apus-controller",
        abstract: "Elects the masters of broker groups, together with its peers.",
        discussion: """
            Example: apus-controller --id n0 --data ./n0 \\
            --peers "n0-127.0.0.1:9878;n1-127.0.0.1:9888;n2-127.0.0.1:9898"

            Requests are answered on the port that --peers gives; the controllers talk to each \
            other on the port after. Flags win over the configuration file, which has RocketMQ's \
            properties form. When requests are taken, one line `ready ID HOST:PORT pid PID` goes \
            to standard output; logs go to standard error. SIGTERM and SIGINT stop it in order: a \
            leader hands over first. Exit codes: 0 orderly stop, 64 bad usage or configuration, 70 \
            internal error, 74 disk error.
            """)

    @Option(help: "Configuration file (key=value lines).")
    var config: String?
    @Option(help: "This controller's name among the peers.")
    var id: String?
    @Option(help: "All controllers of the group, as \"name-host:port;name-host:port\".")
    var peers: String?
    @Option(help: "Directory of the Raft log.")
    var data: String?
    @Option(help: "Address to listen on. Default: the host that the peers know.")
    var listen: String?
    @Option(help: "Least level of log lines: trace, debug, info, notice, warning, error.")
    var logLevel = "info"

    func run() async throws {
        LoggingSystem.bootstrap { StreamLogHandler.standardError(label: $0) }
        var logger = Logger(label: "controller")
        do {
            guard let level = Logger.Level(rawValue: self.logLevel) else {
                throw ControllerConfigurationError(
                    "--log-level: there is no level \(self.logLevel)")
            }
            logger.logLevel = level
            let configuration = try self.controllerConfiguration(logger)
            let controller = Controller(configuration: configuration, logger: logger) {
                id, address in
                print("ready \(id) \(address) pid \(getpid())")
                fflush(nil)
            }
            var options = ServiceGroupConfiguration(
                services: [
                    .init(service: controller, successTerminationBehavior: .gracefullyShutdownGroup)
                ],
                gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
            options.maximumGracefulShutdownDuration = .seconds(5)
            try await ServiceGroup(configuration: options).run()
        } catch {
            logger.critical("\(error)")
            throw ExitCode(Self.exitCode(for: error))
        }
    }

    private static func exitCode(for error: any Error) -> Int32 {
        if Controller.isConfigurationMistake(error) { return EX_USAGE }
        return Controller.isDiskFailure(error) ? EX_IOERR : EX_SOFTWARE
    }

    private func controllerConfiguration(
        _ logger: Logger
    ) throws(ControllerConfigurationError) -> ControllerConfiguration {
        var configuration = ControllerConfiguration()
        if let path = self.config {
            let text = try ControllerConfigurationFile.read(path)
            for key in try configuration.apply(properties: text) {
                logger.warning("\(path): \(key) means nothing to a controller")
            }
        }
        if let id = self.id { configuration.id = id }
        if let peers = self.peers {
            configuration.peers = try ControllerConfiguration.peers(peers)
        }
        if let data = self.data { configuration.dataDirectory = data }
        if let listen = self.listen { configuration.listenHost = listen }
        return configuration
    }
}
