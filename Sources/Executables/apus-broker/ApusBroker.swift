import ArgumentParser
import Broker
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

            Flags win over the configuration file, which has RocketMQ's properties form. When \
            clients may connect, one line `ready NAME HOST:PORT pid PID` goes to standard output; \
            logs go to standard error. Exit codes: 0 orderly stop, 64 bad usage or configuration, \
            70 internal error, 74 disk error.
            """)

    @Option(help: "Configuration file (key=value lines).")
    var config: String?
    @Option(help: "Name servers, as \"host:port;host:port\".")
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
    var port: Int?
    @Option(help: "Directory of the store.")
    var data: String?
    @Option(help: "When an acknowledged message is on disk: sync or async.")
    var flush: String?
    @Option(help: "Least level of log lines: trace, debug, info, notice, warning, error.")
    var logLevel = "info"

    func run() async throws {
        LoggingSystem.bootstrap { StreamLogHandler.standardError(label: $0) }
        var logger = Logger(label: "broker")
        do {
            guard let level = Logger.Level(rawValue: self.logLevel) else {
                throw ConfigurationError("--log-level: there is no level \(self.logLevel)")
            }
            logger.logLevel = level
            let configuration = try self.brokerConfiguration(logger)
            let name = configuration.brokerName
            let broker = Broker(configuration: configuration, logger: logger) { address in
                print("ready \(name) \(address) pid \(getpid())")
                fflush(nil)
            }
            let services = ServiceGroup(
                services: [broker], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
            try await services.run()
        } catch let error as ConfigurationError {
            logger.critical("\(error)")
            throw ExitCode(64)
        } catch {
            logger.critical("\(error)")
            throw ExitCode(Broker.isDiskFailure(error) ? 74 : 70)
        }
    }

    private func brokerConfiguration(_ logger: Logger) throws -> BrokerConfiguration {
        var configuration = BrokerConfiguration()
        if let path = self.config {
            let unknown = try configuration.apply(properties: try Self.read(path))
            for key in unknown { logger.warning("\(path): the key \(key) means nothing here") }
        }
        if let value = self.nameServer {
            configuration.nameServers = BrokerConfiguration.addresses(value)
        }
        if let value = self.controller {
            configuration.controllers = BrokerConfiguration.addresses(value)
        }
        if let value = self.cluster { configuration.clusterName = value }
        if let value = self.brokerName { configuration.brokerName = value }
        if let value = self.listen { configuration.listenHost = value }
        if let value = self.port {
            guard (1...65_535).contains(value) else {
                throw ConfigurationError("--port is a number from 1 to 65535, not \(value)")
            }
            configuration.port = value
        }
        if let value = self.data { configuration.dataDirectory = value }
        if configuration.listenHost == "0.0.0.0", configuration.advertisedHost == nil {
            logger.warning(
                "brokerIP1 is not set: clients are told 127.0.0.1, which only this machine reaches")
        }
        if let value = self.flush {
            configuration.flushMode = try BrokerConfiguration.flushMode(value)
        }
        return configuration
    }

    private static func read(_ path: String) throws -> String {
        guard let file = fopen(path, "r") else {
            throw ConfigurationError("\(path): \(String(cString: strerror(errno)))")
        }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4_096)
        while true {
            let count = fread(&buffer, 1, buffer.count, file)
            if ferror(file) != 0 {
                throw ConfigurationError("\(path): \(String(cString: strerror(errno)))")
            }
            guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
            bytes += buffer[..<count]
        }
    }
}
