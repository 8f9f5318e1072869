import BrokerEngine
package import Logging
import MessageFormat
import NIOCore
import NIOPosix
import RemotingProtocol
import RemotingTransport
import ServiceLifecycle
import Storage

/// One broker: its log, its engine, its sockets.
package final class Broker: Service {
    private let configuration: BrokerConfiguration
    private let logger: Logger
    private let onReady: @Sendable (_ address: String) -> Void

    /// `onReady` is called once, when clients may connect.
    package init(
        configuration: BrokerConfiguration, logger: Logger,
        onReady: @escaping @Sendable (_ address: String) -> Void = { _ in }
    ) {
        self.configuration = configuration
        self.logger = logger
        self.onReady = onReady
    }

    /// Recovers, serves until the task is cancelled or shut down gracefully, and leaves in order.
    ///
    /// Throws `ConfigurationError`, `StorageError`, or what binding the port throws.
    package func run() async throws {
        guard let running = try await self.start() else { return }
        let address = "\(self.configuration.listenHost):\(running.server.port)"
        let registering = Task { await running.registrar.run() }
        let readying = Task {
            if await running.readiness.first(where: { true }) != nil { self.onReady(address) }
        }
        let failure = await self.untilStopOrFailure(running)
        readying.cancel()
        if failure == nil { await running.door.handOver() }
        registering.cancel()
        await registering.value
        await running.stop()
        if let failure { throw failure }
    }

    /// nil: stopped while it waited for controllers.
    private func start() async throws -> RunningBroker? {
        let (configuration, logger) = (self.configuration, self.logger)
        do {
            return try await cancelWhenGracefulShutdown {
                try await BrokerStart(configuration, logger).run()
            }
        } catch is CancellationError {
            return nil
        }
    }

    /// Whether what `run` threw is the disk's fault.
    package static func isDiskFailure(_ error: any Error) -> Bool { error is StorageError }

    private func untilStopOrFailure(_ running: RunningBroker) async -> (any Error)? {
        await withTaskGroup(of: (any Error)?.self) { group in
            group.addTask { await running.failures.first { _ in true } }
            group.addTask {
                try? await gracefulShutdown()
                return nil
            }
            defer { group.cancelAll() }
            return await group.next() ?? nil
        }
    }
}
