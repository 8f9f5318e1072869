import ArgumentParser
import Broker
import ConfigurationFormat
import Glibc
import Logging
import ServerCommand
import ServiceLifecycle
import UnixSignals

/// Parses flags, reads the configuration file, runs one broker until a signal.
@main
struct ApusBroker: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apus-broker",
        abstract: "Stores messages and delivers them.",
        discussion: """
            Example: apus-broker --name-server 127.0.0.1:9876 --port 10911 --data ./store

            Settings have RocketMQ's keys. A flag wins over the environment (listenPort is \
            APUS_LISTEN_PORT), that over the configuration file in RocketMQ's properties form, \
            that over the default. When clients may connect, one line \
            `ready NAME HOST:PORT pid PID` goes to standard output; logs go to standard error. \
            Exit codes: 0 orderly stop, 64 bad usage or configuration, 70 internal error, 74 disk \
            error.
            """)

    @Option(name: [.customShort("n"), .long], help: "Name servers, as \"host:port;host:port\".")
    var nameServer: String?
    @Option(help: "Controllers that steer the broker's group, as \"host:port;host:port\".")
    var controller: String?
    @Option(help: "Name of the cluster.")
    var cluster: String?
    @Option(help: "Name of the broker group.")
    var brokerName: String?
    @Option(help: "Port to listen on.")
    var port: String?
    @Option(help: "Directory of the store.")
    var data: String?
    @Option(help: "When an acknowledged message is on disk: sync or async.")
    var flush: String?
    @OptionGroup var server: ServerOptions

    func run() async throws {
        LoggingSystem.bootstrap { StreamLogHandler.standardError(label: $0) }
        var logger = Logger(label: "broker")
        do {
            let settings = try self.server.resolve(BrokerConfiguration.table, self.flags)
            let configuration = settings.configuration
            logger.logLevel = configuration.logLevel
            self.tell(settings, logger)
            if self.server.printConfig { return print(settings.text, terminator: "") }
            let name = configuration.brokerName
            let broker = Broker(configuration: configuration, logger: logger) { address in
                print("ready \(name) \(address) pid \(getpid())")
                fflush(nil)
            }
            let services = ServiceGroup(
                services: [broker], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
            try await services.run()
        } catch let error as ConfigurationProblems {
            for problem in error.problems { logger.critical("\(problem)") }
            throw ExitCode(64)
        } catch let error as ConfigurationError {
            logger.critical("\(error)")
            throw ExitCode(64)
        } catch {
            logger.critical("\(error)")
            throw ExitCode(Broker.isDiskFailure(error) ? 74 : 70)
        }
    }

    private var flags: [ServerOptions.OwnFlag] {
        [
            ("--name-server", "namesrvAddr", self.nameServer),
            ("--controller", "controllerAddr", self.controller),
            ("--cluster", "brokerClusterName", self.cluster),
            ("--broker-name", "brokerName", self.brokerName),
            ("--port", "listenPort", self.port),
            ("--data", "storePathRootDir", self.data),
            ("--flush", "flushDiskType", self.flush),
        ]
    }

    private func tell(_ settings: ResolvedSettings<BrokerConfiguration>, _ logger: Logger) {
        self.server.log(settings, to: logger)
        let configuration = settings.configuration
        if configuration.listenHost == "0.0.0.0", configuration.advertisedHost == nil {
            logger.warning(
                "brokerIP1 is not set: clients are told 127.0.0.1, which only this machine reaches")
        }
    }
}
