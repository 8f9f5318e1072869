import ClientCore
import ClientEngine
import MessageFormat
import NIOCore
import RemotingProtocol
import RemotingTransport
import Synchronization

/// Runs a pop consumer's engine on one event loop and carries out its effects.
final class PopLoop: Sendable {
    typealias Received = Result<[PoppedMessage], PopFailure>
    typealias Settled = Result<PopTicket?, PopFailure>

    enum Input: Sendable {
        case receive(
            PopEngine.ID, messagesMax: Int, invisible: Duration, wait: Duration,
            CheckedContinuation<Received, Never>)
        case cancel(PopEngine.ID)
        case settle(
            PopEngine.ID, PopSettlement, within: Duration, CheckedContinuation<Settled, Never>)
        case ended(CallToken, CallResult)
        case connectionClosed(String)
        case close(CheckedContinuation<Void, Never>)
    }

    private struct Inbox {
        var inputs: [Input] = []
        var isDrainExpected = false
    }

    private struct State {
        var engine: PopEngine
        var receiving: [PopEngine.ID: CheckedContinuation<Received, Never>] = [:]
        var settling: [PopEngine.ID: CheckedContinuation<Settled, Never>] = [:]
        var closing: CheckedContinuation<Void, Never>?
        var wake: (task: Scheduled<Void>, at: Tick)?
    }

    private let connection: ClientConnection
    private let inbox = Mutex(Inbox())
    private let state: NIOLoopBoundBox<State>
    private let lastID = Atomic<UInt64>(0)

    init(_ connection: ClientConnection, engine: PopEngine) {
        self.connection = connection
        self.state = .makeBoxSendingValue(
            State(engine: engine), eventLoop: connection.eventLoop)
        connection.eventLoop.execute { self.start() }
    }

    func newID() -> PopEngine.ID {
        PopEngine.ID(self.lastID.wrappingAdd(1, ordering: .relaxed).newValue)
    }

    /// From any thread.
    func post(_ input: Input) {
        let mustWake = self.inbox.withLock { inbox in
            inbox.inputs.append(input)
            if inbox.isDrainExpected { return false }
            inbox.isDrainExpected = true
            return true
        }
        if mustWake { self.connection.eventLoop.execute { self.drain() } }
    }

    private func start() {
        let now = SystemClock.now()
        self.state.withValue { state in
            state.engine.start(at: now)
            self.carryOut(&state)
        }
    }

    private func drain() {
        let inputs = self.inbox.withLock { inbox in
            inbox.isDrainExpected = false
            var taken: [Input] = []
            swap(&taken, &inbox.inputs)
            return taken
        }
        let now = SystemClock.now()
        self.state.withValue { state in
            for input in inputs { Self.apply(input, to: &state, at: now) }
            self.carryOut(&state)
        }
    }

    private static func apply(_ input: Input, to state: inout State, at now: Now) {
        switch input {
        case .receive(let id, let count, let invisible, let wait, let continuation):
            state.receiving[id] = continuation
            state.engine.receive(
                id, messagesMax: count, invisibleTime: invisible, wait: wait, at: now)
        case .cancel(let id): state.engine.cancel(id, at: now)
        case .settle(let id, let settlement, let time, let continuation):
            state.settling[id] = continuation
            state.engine.settle(id, settlement, within: time, at: now)
        case .ended(let token, let result): state.engine.ended(token, result, at: now)
        case .connectionClosed(let address): state.engine.closed(address, at: now)
        case .close(let continuation):
            state.closing = continuation
            state.engine.close(at: now.tick)
        }
    }

    private func carryOut(_ state: inout State) {
        for effect in state.engine.takeEffects() {
            switch effect {
            case .call(let call):
                self.connection.perform(call) { self.post(.ended($0, $1)) }
            case .received(let id, let result):
                state.receiving.removeValue(forKey: id)?.resume(returning: result)
            case .settled(let id, let result):
                state.settling.removeValue(forKey: id)?.resume(returning: result)
            case .closed:
                state.closing?.resume()
                state.closing = nil
            }
        }
        self.scheduleWake(&state)
    }

    private func scheduleWake(_ state: inout State) {
        guard let next = state.engine.nextWakeAt else {
            state.wake?.task.cancel()
            state.wake = nil
            return
        }
        if let wake = state.wake, wake.at <= next { return }
        state.wake?.task.cancel()
        let task = self.connection.eventLoop.scheduleTask(deadline: NIODeadline(next)) {
            [weak self] () -> Void in self?.awake()
        }
        state.wake = (task, next)
    }

    private func awake() {
        let now = SystemClock.now()
        self.state.withValue { state in
            state.wake = nil
            state.engine.advance(to: now)
            self.carryOut(&state)
        }
    }
}

/// Tells the loop what its connections report: they are made before it is.
final class PopEvents: Sendable {
    private struct WeakLoop { weak var loop: PopLoop? }

    private let target = Mutex(WeakLoop())

    func relay(to loop: PopLoop) { self.target.withLock { $0.loop = loop } }

    func closed(_ address: String) {
        self.target.withLock { $0.loop }?.post(.connectionClosed(address))
    }

    func received(_ request: ReceivedCommand, on connection: RemotingConnection) {
        // Who else is in the group makes no difference: nobody owns queues.
        guard request.requestCode != .notifyConsumerIDsChanged else { return }
        ClientConnection.refuse(request, on: connection)
    }
}
