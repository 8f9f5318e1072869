import ArgumentParser
import Broker
import ConfigurationFormat
import ConfigurationSources
import Glibc
import Logging
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

    @Option(name: [.customShort("c"), .long], help: "Configuration file (key=value lines).")
    var config: String?
    @Option(name: [.customShort("n"), .long], help: "Name servers, as \"host:port;host:port\".")
    var nameServer: String?
    @Option(help: "Controllers that steer the broker's group, as \"host:port;host:port\".")
    var controller: String?
    @Option(help: "Name of the cluster.")
    var cluster: String?
    @Option(help: "Name of the broker group.")
    var brokerName: String?
    @Option(help: "Address to listen on.")
    var listen: String?
    @Option(help: "Port to listen on.")
    var port: String?
    @Option(help: "Directory of the store.")
    var data: String?
    @Option(help: "When an acknowledged message is on disk: sync or async.")
    var flush: String?
    @Option(
        help: ArgumentHelp(
            "Port of /healthz, /readyz and /metrics: 0 for any that is free, off for none.",
            discussion: "Default: 8088, or none if that is taken.", valueName: "port"))
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
        var logger = Logger(label: "broker")
        do {
            let settings = try self.arguments().resolve(BrokerConfiguration.table)
            let configuration = settings.configuration
            logger.logLevel = configuration.logLevel
            self.tell(settings, logger)
            if self.printConfig { return print(settings.text, terminator: "") }
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

    private func arguments() throws(ConfigurationProblems) -> ServerArguments {
        var arguments = ServerArguments(file: self.config)
        arguments.add("--name-server", for: "namesrvAddr", self.nameServer)
        arguments.add("--controller", for: "controllerAddr", self.controller)
        arguments.add("--cluster", for: "brokerClusterName", self.cluster)
        arguments.add("--broker-name", for: "brokerName", self.brokerName)
        arguments.add("--listen", for: "bindAddress", self.listen)
        arguments.add("--port", for: "listenPort", self.port)
        arguments.add("--data", for: "storePathRootDir", self.data)
        arguments.add("--flush", for: "flushDiskType", self.flush)
        arguments.add("--http-port", for: "httpPort", self.httpPort)
        arguments.add("--http-listen", for: "httpAddress", self.httpListen)
        arguments.add("--log-level", for: "logLevel", self.logLevel)
        try arguments.add("--set", pairs: self.set)
        return arguments
    }

    private func tell(_ settings: ResolvedSettings<BrokerConfiguration>, _ logger: Logger) {
        for remark in settings.remarks {
            logger.log(level: remark.level == .info ? .info : .warning, "\(remark.text)")
        }
        let configuration = settings.configuration
        if configuration.listenHost == "0.0.0.0", configuration.advertisedHost == nil {
            logger.warning(
                "brokerIP1 is not set: clients are told 127.0.0.1, which only this machine reaches")
        }
    }
}
