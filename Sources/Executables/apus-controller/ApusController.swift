import ArgumentParser
import ConfigurationFormat
import Controller
import Glibc
import Logging
import ServerCommand
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
            other on the port after. A flag wins over the environment (controllerPeers is \
            APUS_CONTROLLER_PEERS), that over the configuration file in RocketMQ's properties \
            form, that over the default. When requests are taken, one line \
            `ready ID HOST:PORT pid PID` goes to standard output; logs go to standard error. \
            SIGTERM and SIGINT stop it in order: a leader hands over first. Exit codes: 0 orderly \
            stop, 64 bad usage or configuration, 70 internal error, 74 disk error.
            """)

    @Option(help: "This controller's name among the peers.")
    var id: String?
    @Option(help: "All controllers of the group, as \"name-host:port;name-host:port\".")
    var peers: String?
    @Option(help: "Directory of the Raft log.")
    var data: String?
    @OptionGroup var server: ServerOptions

    func run() async throws {
        LoggingSystem.bootstrap { StreamLogHandler.standardError(label: $0) }
        var logger = Logger(label: "controller")
        do {
            let settings = try self.server.resolve(ControllerConfiguration.table, self.flags)
            let configuration = settings.configuration
            logger.logLevel = configuration.logLevel
            self.server.log(settings, to: logger)
            if self.server.printConfig { return print(settings.text, terminator: "") }
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
        } catch let error as ConfigurationProblems {
            for problem in error.problems { logger.critical("\(problem)") }
            throw ExitCode(EX_USAGE)
        } catch {
            logger.critical("\(error)")
            throw ExitCode(Self.exitCode(for: error))
        }
    }

    private static func exitCode(for error: any Error) -> Int32 {
        if Controller.isConfigurationMistake(error) { return EX_USAGE }
        return Controller.isDiskFailure(error) ? EX_IOERR : EX_SOFTWARE
    }

    private var flags: [ServerOptions.OwnFlag] {
        [
            ("--id", "controllerSelfId", self.id), ("--peers", "controllerPeers", self.peers),
            ("--data", "controllerStorePath", self.data),
        ]
    }
}
