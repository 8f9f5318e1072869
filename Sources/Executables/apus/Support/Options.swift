import ArgumentParser
import Chaos
import Logging
import NIOCore
import NIOPosix
import RemotingProtocol

/// Where the cluster is.
struct ConnectionOptions: ParsableArguments {
    @Option(
        name: [.long, .customShort("n")],
        help: ArgumentHelp(
            "Addresses of the name servers, separated by ';' or ','.",
            discussion: "Default: APUS_NAME_SERVER in the environment, or 127.0.0.1:9876.",
            valueName: "host:port"))
    var nameServer: String?

    @Option(help: ArgumentHelp("Seconds to wait for each answer.", valueName: "seconds"))
    var timeout: Double = 5

    func validate() throws {
        guard self.timeout > 0, self.timeout <= 3600 else {
            throw ValidationError("--timeout must lie between 0 and 3600 seconds.")
        }
        guard !self.nameServers.isEmpty, self.nameServers.allSatisfy({ $0.contains(":") }) else {
            throw ValidationError("--name-server wants HOST:PORT, such as 127.0.0.1:9876.")
        }
    }

    var nameServers: [String] {
        let text =
            self.nameServer ?? SystemText.environment("APUS_NAME_SERVER") ?? "127.0.0.1:9876"
        return text.split { ";, ".contains($0) }.map(String.init)
    }
}

/// How to tell the result.
struct OutputOptions: ParsableArguments {
    @Flag(help: "Print the result as JSON.")
    var json = false
}

/// Whether to tell how far a long command is.
struct ProgressOptions: ParsableArguments {
    @Flag(help: "Show progress on standard error even if that is no terminal.")
    var progress = false

    var isWanted: Bool { self.progress || Terminal.errorIsTerminal }
}

/// A command that may fail in ways its user can understand.
protocol ApusCommand: AsyncParsableCommand {
    var output: OutputOptions { get }
    mutating func perform() async throws
}

extension ApusCommand {
    mutating func run() async throws {
        do {
            try await self.perform()
        } catch let failure as CommandFailure {
            self.report(failure)
            throw ExitCode(failure.status.rawValue)
        }
    }

    private func report(_ failure: CommandFailure) {
        if self.output.json {
            Terminal.print([
                "error": [
                    "what": .string(failure.what), "reason": .string(failure.reason),
                    "try": .string(failure.advice),
                    "exitCode": .integer(Int64(failure.status.rawValue)),
                ]
            ])
        }
        Terminal.note("error: \(failure.what): \(failure.reason)")
        Terminal.note("  try: \(failure.advice)")
    }
}

extension ConnectionOptions {
    /// Opens the way to the cluster, and closes it behind `use` whatever happens.
    func withCluster<R: Sendable>(
        threads: Int = 1, _ use: (ClusterAccess) async throws -> R
    ) async throws -> R {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: threads)
        let access = ClusterAccess(
            nameServers: self.nameServers, group: group, timeout: .seconds(self.timeout),
            logger: Self.logger)
        let result: Result<R, any Error>
        do {
            result = .success(try await use(access))
        } catch {
            result = .failure(error)
        }
        await access.shutdown()
        try? await group.shutdownGracefully()
        return try result.get()
    }

    /// Errors reach the user as results; the library's own log would only be in the way.
    static var logger: Logger {
        var logger = Logger(label: "apus") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = .critical
        return logger
    }
}

/// Runs calls to the cluster, and names what failed.
func attempting<R>(
    _ what: String, _ call: () async throws(AccessError) -> R
) async throws(CommandFailure) -> R {
    do {
        return try await call()
    } catch {
        throw CommandFailure(what, error)
    }
}
