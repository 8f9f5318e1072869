import ArgumentParser
import ConfigurationFormat
import ConfigurationSources
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
            other on the port after. A flag wins over the environment (controllerPeers is \
            APUS_CONTROLLER_PEERS), that over the configuration file in RocketMQ's properties \
            form, that over the default. When requests are taken, one line \
            `ready ID HOST:PORT pid PID` goes to standard output; logs go to standard error. \
            SIGTERM and SIGINT stop it in order: a leader hands over first. Exit codes: 0 orderly \
            stop, 64 bad usage or configuration, 70 internal error, 74 disk error.
            """)

    @Option(name: [.customShort("c"), .long], help: "Configuration file (key=value lines).")
    var config: String?
    @Option(help: "This controller's name among the peers.")
    var id: String?
    @Option(help: "All controllers of the group, as \"name-host:port;name-host:port\".")
    var peers: String?
    @Option(help: "Directory of the Raft log.")
    var data: String?
    @Option(help: "Address to listen on. Default: the host that the peers know.")
    var listen: String?
    @Option(
        help: ArgumentHelp(
            "Port of /healthz, /readyz and /metrics: 0 for any that is free, off for none.",
            discussion: "Default: 8089, or none if that is taken.", valueName: "port"))
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
        LoggingSystem.bootstrap { StreamLogHandler.standardError(label: $0) }
        var logger = Logger(label: "controller")
        do {
            let settings = try self.arguments().resolve(ControllerConfiguration.table)
            let configuration = settings.configuration
            logger.logLevel = configuration.logLevel
            for remark in settings.remarks {
                logger.log(level: remark.level == .info ? .info : .warning, "\(remark.text)")
            }
            if self.printConfig { return print(settings.text, terminator: "") }
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

    private func arguments() throws(ConfigurationProblems) -> ServerArguments {
        var arguments = ServerArguments(file: self.config)
        arguments.add("--id", for: "controllerSelfId", self.id)
        arguments.add("--peers", for: "controllerPeers", self.peers)
        arguments.add("--data", for: "controllerStorePath", self.data)
        arguments.add("--listen", for: "bindAddress", self.listen)
        arguments.add("--http-port", for: "httpPort", self.httpPort)
        arguments.add("--http-listen", for: "httpAddress", self.httpListen)
        arguments.add("--log-level", for: "logLevel", self.logLevel)
        try arguments.add("--set", pairs: self.set)
        return arguments
    }
}
