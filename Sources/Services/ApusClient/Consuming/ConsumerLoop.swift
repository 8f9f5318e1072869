import ClientCore
import ClientEngine
import MessageFormat
import NIOCore
import RemotingProtocol
import RemotingTransport
import Synchronization

/// Runs a consumer's engine under a lock and carries out its effects.
///
/// Users take and acknowledge on their own threads, without a hop: the engine decides in
/// nanoseconds. What it wants done happens after the lock is released; answers come in on the
/// event loop, one after the other.
final class ConsumerLoop: Sendable {
    /// What the user works on next.
    enum Work: Sendable {
        case message(ConsumerEngine.Delivery)
        case batch(OrderedBatch)
    }

    private struct Waiter {
        let id: UInt64
        let continuation: CheckedContinuation<Work?, Never>
    }

    private struct State {
        var engine: ConsumerEngine
        var waiters = CircularBuffer<Waiter>()
        var closeWaiters: [CheckedContinuation<Void, Never>] = []
        var isStarted = false
        var isOrdered = false
        /// Nobody is given anything any more.
        var isEnded = false
        var hasClosed = false
        /// The earliest timer that is set.
        var wakeAt: Tick?
    }

    let connection: ClientConnection
    private let group: String
    private let interceptors: [any ReceiveInterceptor]
    private let keeper: OffsetKeeper?
    private let state: Mutex<State>
    private let lastWaiter = Atomic<UInt64>(0)

    init(
        _ connection: ClientConnection, engine: ConsumerEngine,
        group: String, interceptors: [any ReceiveInterceptor], keeper: OffsetKeeper? = nil
    ) {
        self.connection = connection
        self.group = group
        self.interceptors = interceptors
        self.keeper = keeper
        self.state = Mutex(State(engine: engine))
    }
}

// MARK: - For the user

extension ConsumerLoop {
    func start() {
        self.change { state, now in
            guard !state.isStarted else { return }
            state.isStarted = true
            state.engine.start(at: now)
        }
    }

    /// Joins the group, to consume in order. False if it was started otherwise.
    func start(_ settings: OrderlyQueue<InboundMessage>.Settings) -> Bool {
        var isOrdered = false
        self.change { state, now in
            if !state.isStarted {
                state.isStarted = true
                state.isOrdered = true
                state.engine.consumeInOrder(settings)
                state.engine.start(at: now)
            }
            isOrdered = state.isOrdered
        }
        return isOrdered
    }

    /// The next message or batch, as soon as there is one. Nil when the consumer is closed or the
    /// task cancelled.
    func next() async -> Work? {
        if let work = self.takeNow() { return work }
        let id = self.lastWaiter.wrappingAdd(1, ordering: .relaxed).newValue
        return await withTaskCancellationHandler {
            await withCheckedContinuation { self.wait(Waiter(id: id, continuation: $0)) }
        } onCancel: {
            self.cancel(id)
        }
    }

    func takeNow() -> Work? {
        let now = SystemClock.tick()
        return self.state.withLock { $0.isEnded ? nil : Self.take(&$0, now) }
    }

    private static func take(_ state: inout State, _ now: Tick) -> Work? {
        state.isOrdered
            ? state.engine.takeBatch(at: now).map { .batch($0) }
            : state.engine.take(at: now).map { .message($0) }
    }

    private func wait(_ waiter: Waiter) {
        let now = SystemClock.tick()
        var work: Work?
        let isWaiting = self.state.withLock { state in
            if state.isEnded || Task.isCancelled { return false }
            // Something may have come since it was looked for.
            work = Self.take(&state, now)
            if work == nil { state.waiters.append(waiter) }
            return work == nil
        }
        if !isWaiting { waiter.continuation.resume(returning: work) }
    }

    private func cancel(_ id: UInt64) {
        let waiter = self.state.withLock { state in
            state.waiters.firstIndex { $0.id == id }.map { state.waiters.remove(at: $0) }
        }
        waiter?.continuation.resume(returning: nil)
    }

    func acknowledge(_ offset: QueueOffset, of id: AssignmentID) -> Bool {
        var isDone = false
        self.change { state, now in
            isDone = state.engine.acknowledge(offset, of: id, at: now)
        }
        return isDone
    }

    func giveBack(_ offset: QueueOffset, of id: AssignmentID, after delay: Duration) -> Bool {
        var isDone = false
        self.change(timesMayHaveMoved: true) { state, now in
            isDone = state.engine.giveBack(offset, of: id, after: delay, at: now)
        }
        return isDone
    }

    func sendBack(
        _ offset: QueueOffset, of id: AssignmentID, _ choice: RetryRequests.Choice
    ) -> Bool {
        var isDone = false
        self.change(timesMayHaveMoved: true) { state, now in
            isDone = state.engine.sendBack(offset, of: id, choice, at: now)
        }
        return isDone
    }

    func finished(
        _ batch: OrderedBatch, _ outcome: OrderlyQueue<InboundMessage>.Outcome,
        error: String = ""
    ) {
        self.change(timesMayHaveMoved: true) { state, now in
            state.engine.finished(batch, outcome, error: error, at: now)
        }
    }

    /// Lets the engine do what a user or an operator asked for.
    func control(_ body: (inout ConsumerEngine, Tick) -> Void) {
        self.change(timesMayHaveMoved: true) { state, now in body(&state.engine, now) }
    }

    func ask<Answer>(_ body: (ConsumerEngine) -> Answer) -> Answer {
        self.state.withLock { body($0.engine) }
    }

    func isCurrent(_ id: AssignmentID) -> Bool {
        self.state.withLock { $0.engine.isCurrent(id) }
    }

    var assignedQueues: [MessageQueue] { self.state.withLock { $0.engine.assignedQueues } }

    /// Ends the sequence of messages at once; then commits and leaves the group.
    func close() async {
        let waiters = self.state.withLock { state in
            state.isEnded = true
            let waiters = state.waiters
            state.waiters.removeAll()
            return waiters
        }
        for waiter in waiters { waiter.continuation.resume(returning: nil) }
        self.change { state, now in state.engine.close(at: now) }
        await withCheckedContinuation { continuation in
            let hasClosed = self.state.withLock { state in
                if !state.hasClosed { state.closeWaiters.append(continuation) }
                return state.hasClosed
            }
            if hasClosed { continuation.resume() }
        }
        self.keeper?.write()
    }
}

// MARK: - From the cluster

extension ConsumerLoop {
    func connectionClosed(_ address: String) {
        self.change { state, now in state.engine.closed(address, at: now) }
    }

    func received(_ request: ReceivedCommand, on connection: RemotingConnection) {
        switch request.requestCode {
        case .notifyConsumerIDsChanged:
            guard let group = request.nonEmptyString("consumerGroup") else { return }
            self.change { state, now in state.engine.membersChanged(group: group, at: now) }
        case .resetConsumerClientOffset:
            guard request.nonEmptyString("group") == self.group,
                let body = try? ResetOffsetBody(bodyOf: request)
            else { return }
            let offsets = body.offsets.mapValues { QueueOffset($0) }
            self.change(timesMayHaveMoved: true) { state, now in
                state.engine.resetOffsets(offsets, at: now)
            }
        default: ClientConnection.refuse(request, on: connection)
        }
    }

    private func ended(_ token: CallToken, _ result: CallResult) {
        self.change { state, now in state.engine.ended(token, result, at: now) }
    }

    /// Decodes outside the lock, and shows the interceptors what came before anybody takes it.
    private func pulled(_ token: CallToken, _ request: QueuePull, _ result: CallResult) {
        let answer = PullAnswer(result, of: request)
        if case .found(let messages, _) = answer, !messages.isEmpty, !self.interceptors.isEmpty {
            let queue = self.named(request.queue)
            let received = ReceivedMessage.all(messages, in: self.connection.namespace)
            for interceptor in self.interceptors {
                interceptor.didReceive(received, from: queue)
            }
        }
        self.change { state, now in state.engine.pulled(token, answer, at: now) }
    }
}

// MARK: - Effects

extension ConsumerLoop {
    /// Changes the engine and carries out what follows.
    ///
    /// - Parameter timesMayHaveMoved: set if the change can bring a wake-up forward without having
    ///   any other effect.
    private func change(
        timesMayHaveMoved: Bool = false, _ change: (inout State, Tick) -> Void
    ) {
        let now = SystemClock.tick()
        var handed: [(Waiter, Work)] = []
        var effects: [ConsumerEngine.Effect] = []
        var wakeAt: Tick?
        self.state.withLock { state in
            change(&state, now)
            effects = state.engine.takeEffects()
            guard !effects.isEmpty || timesMayHaveMoved else { return }
            handed = Self.hand(&state, now)
            wakeAt = Self.newWake(&state)
        }
        for (waiter, work) in handed { waiter.continuation.resume(returning: work) }
        if let wakeAt { self.schedule(wakeAt) }
        for effect in effects { self.carryOut(effect) }
    }

    private static func hand(_ state: inout State, _ now: Tick) -> [(Waiter, Work)] {
        var handed: [(Waiter, Work)] = []
        while !state.waiters.isEmpty, let work = Self.take(&state, now) {
            handed.append((state.waiters.removeFirst(), work))
        }
        return handed
    }

    /// The time of a timer to be set, if the ones that are set come too late.
    private static func newWake(_ state: inout State) -> Tick? {
        guard state.isStarted, let next = state.engine.nextWakeAt else { return nil }
        if let wakeAt = state.wakeAt, wakeAt <= next { return nil }
        state.wakeAt = next
        return next
    }

    private func schedule(_ wakeAt: Tick) {
        self.connection.eventLoop.scheduleTask(deadline: NIODeadline(wakeAt)) { [weak self] in
            self?.awake(wakeAt)
        }
    }

    private func awake(_ wakeAt: Tick) {
        self.change(timesMayHaveMoved: true) { state, now in
            // A timer that was overtaken by an earlier one has nothing to do.
            if state.wakeAt == wakeAt { state.wakeAt = nil }
            state.engine.advance(to: now)
        }
    }

    private func carryOut(_ effect: ConsumerEngine.Effect) {
        switch effect {
        case .call(let call):
            self.connection.perform(call) { self.ended($0, $1) }
        case .pull(let token, let request, let address, let timeout):
            self.connection.remoting.call(request.command, to: address, timeout: timeout) {
                self.pulled(token, request, $0.mapError { CallFailure($0) })
            }
        case .assigned(let queue, _):
            for interceptor in self.interceptors { interceptor.didAssign(self.named(queue)) }
        case .revoked(let queue, _):
            for interceptor in self.interceptors { interceptor.didRevoke(self.named(queue)) }
        case .available: break
        case .keepOffsets(let offsets): self.keeper?.keep(offsets)
        case .closed: self.tellClosed()
        }
    }

    private func named(_ queue: MessageQueue) -> TopicQueue {
        TopicQueue(self.connection.namespace.bare(queue))
    }

    private func tellClosed() {
        let waiting = self.state.withLock { state in
            state.hasClosed = true
            let waiting = state.closeWaiters
            state.closeWaiters = []
            return waiting
        }
        for continuation in waiting { continuation.resume() }
    }
}
