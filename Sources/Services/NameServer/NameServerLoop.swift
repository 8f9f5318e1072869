import Logging
import MessageFormat
import NIOCore
import NameServerEngine
import RemotingProtocol
import RemotingTransport

/// Brings commands, closed connections and time to the engine, and carries out what it wants.
///
/// Everything happens on one event loop, in the order in which it came.
final class NameServerLoop: RemotingServerDelegate {
    private struct State {
        var engine: NameServerEngine
        var connections: [ConnectionID: RemotingConnection] = [:]
        /// Since the start, for operators.
        var requests = Int64(0)
    }

    private static let tick = TimeAmount.seconds(1)

    private let eventLoop: any EventLoop
    private let state: NIOLoopBoundBox<State>
    private let logger: Logger

    init(engine: NameServerEngine, eventLoop: any EventLoop, logger: Logger) {
        self.eventLoop = eventLoop
        self.state = .makeBoxSendingValue(State(engine: engine), eventLoop: eventLoop)
        self.logger = logger
    }

    /// Nil: it has stopped.
    func figures() async -> NameServerFigures? {
        try? await self.eventLoop.submit {
            let state = self.state.value
            return NameServerFigures(
                state.engine, connections: state.connections.count, requests: state.requests)
        }.get()
    }

    func startTicking() -> RepeatedTask {
        self.eventLoop.scheduleRepeatedTask(initialDelay: Self.tick, delay: Self.tick) { _ in
            self.perform(self.state.value.engine.advance(to: Clock.now()))
        }
    }

    func opened(_ connection: RemotingConnection) {
        self.state.value.connections[connection.id] = connection
    }

    func received(_ commands: [ReceivedCommand], from connection: RemotingConnection) {
        let now = Clock.now()
        self.state.value.requests += Int64(commands.count)
        for command in commands {
            self.perform(
                self.state.value.engine.received(command, from: connection.id, at: now))
        }
    }

    func closed(_ connection: RemotingConnection) {
        self.state.value.connections[connection.id] = nil
        self.perform(self.state.value.engine.closed(connection.id))
    }

    private func perform(_ effects: [NameServerEffect]) {
        for effect in effects {
            switch effect {
            case .reply(let id, let command, let serialization):
                self.state.value.connections[id]?.send(command, as: serialization)
            case .close(let id): self.state.value.connections[id]?.close()
            case .report(let event): self.logger.info("\(event)")
            }
        }
    }
}
