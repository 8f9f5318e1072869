package import Logging
import NIOCore
import NIOPosix
import RemotingTransport
import ServiceLifecycle
import Storage

/// One controller: its Raft log, its engine, its sockets.
package final class Controller: Service {
    private let configuration: ControllerConfiguration
    private let logger: Logger
    private let onReady: @Sendable (_ id: String, _ address: String) -> Void

    /// `onReady` is called once, when requests are taken; the group may have no leader yet.
    package init(
        configuration: ControllerConfiguration, logger: Logger,
        onReady: @escaping @Sendable (_ id: String, _ address: String) -> Void = { _, _ in }
    ) {
        self.configuration = configuration
        self.logger = logger
        self.onReady = onReady
    }

    /// Serves until the task is cancelled or shut down gracefully; a leader hands over first.
    ///
    /// Throws `ControllerConfigurationError`, `RaftStoreError`, or `ControllerFailure`.
    package func run() async throws {
        let running = try await RunningController.start(self.configuration, self.logger)
        self.onReady(running.id, running.address)
        let failure = await self.untilStopOrFailure(running)
        await running.stop()
        if let failure { throw failure }
    }

    /// Whether what `run` threw is the disk's fault, or that of what lies on it.
    package static func isDiskFailure(_ error: any Error) -> Bool {
        switch error as? RaftStoreError {
        case .disk, .damaged, .failed: true
        case .foreign, .locked, nil: false
        }
    }

    /// Whether what `run` threw is for the operator to mend.
    package static func isConfigurationMistake(_ error: any Error) -> Bool {
        switch error as? RaftStoreError {
        case .foreign, .locked: true
        case .disk, .damaged, .failed, nil: error is ControllerConfigurationError
        }
    }

    private func untilStopOrFailure(_ running: RunningController) async -> (any Error)? {
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

/// What is agreed on cannot be carried out here.
package struct ControllerFailure: Error, Hashable, CustomStringConvertible {
    package var description: String
}
