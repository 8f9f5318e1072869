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
        let running = try await RunningBroker.start(self.configuration, self.logger)
        self.onReady("\(self.configuration.listenHost):\(running.server.port)")
        let registering = Task { await running.registrar.run() }
        let failure = await self.untilStopOrFailure(running)
        registering.cancel()
        await registering.value
        await running.stop()
        if let failure { throw failure }
    }

    /// Whether what `run` threw is the disk's fault.
    package static func isDiskFailure(_ error: any Error) -> Bool { error is StorageError }

    private func untilStopOrFailure(_ running: RunningBroker) async -> StorageError? {
        await withTaskGroup(of: StorageError?.self) { group in
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
