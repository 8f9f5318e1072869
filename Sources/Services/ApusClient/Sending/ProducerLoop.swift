import ClientCore
import ClientEngine
import Compression
import MessageFormat
import NIOCore
import RemotingProtocol
import RemotingTransport
import Synchronization

/// Runs a producer's engine on one event loop and carries out its effects.
///
/// Inputs gather in an inbox and are worked off together once per turn of the loop: however many
/// tasks send, the loop wakes once, and their requests leave in one write.
final class ProducerLoop: Sendable {
    enum Input: Sendable {
        case send(SendID, OutgoingSend, deadline: Duration?, SendTicket)
        case attempted(SendID, attempt: Int, SendAnswer)
        case sentOneWay(SendID, attempt: Int, CallFailure?)
        case ended(CallToken, CallResult)
        case connectionClosed(String)
        case prepare(topic: String)
        case transaction(TransactionInput)
        case expectReplies
        case spool(SpoolEvent)
        case close
    }

    private struct Inbox {
        var inputs: [Input] = []
        var isDrainExpected = false
    }

    struct State {
        var engine: ProducerEngine
        var tickets: [SendID: SendTicket] = [:]
        var wake: (task: Scheduled<Void>, at: Tick)?
        /// What has left the window since it was told last.
        var left = (count: 0, bytes: 0)
        var transactions = TransactionDesk()
        /// Nil without a spool.
        var spool: SpoolDesk?
        /// Sends that are under way, if their way is traced.
        var traced: [SendID: ProducerTrace.Sending] = [:]
    }

    let connection: ClientConnection
    let window: InFlightWindow
    let group: String
    let checker: TransactionChecker?
    let trace: ProducerTrace?
    let replies = ReplyTable()
    let spoolFiles: SpoolFiles?
    let lastSpoolProgress = Mutex(SpoolProgress())
    private let interceptors: [any SendInterceptor]
    private let inbox = Mutex(Inbox())
    private let state: NIOLoopBoundBox<State>

    init(
        _ connection: ClientConnection, engine: ProducerEngine, window: InFlightWindow,
        options: Producer.Options
    ) {
        self.connection = connection
        self.window = window
        self.group = options.group
        self.checker = options.transactionChecker
        self.trace = ProducerTrace(connection.configuration, group: options.group)
        // The numbers of an idempotent producer serve their readers, too.
        self.interceptors = options.interceptors.filter {
            !(options.isIdempotent && $0 is SequenceNumberer)
        }
        self.spoolFiles = options.spool.map {
            SpoolFiles($0.directory, logger: connection.configuration.logger)
        }
        var state = State(engine: engine)
        state.spool = options.spool.map { SpoolDesk($0) }
        self.state = .makeBoxSendingValue(state, eventLoop: connection.eventLoop)
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

    private func drain() {
        let inputs = self.inbox.withLock { inbox in
            inbox.isDrainExpected = false
            var taken: [Input] = []
            swap(&taken, &inbox.inputs)
            return taken
        }
        let now = SystemClock.now()
        self.state.withValue { state in
            for input in inputs { self.apply(input, to: &state, at: now) }
            self.carryOut(&state, at: now)
        }
    }

    private func apply(_ input: Input, to state: inout State, at now: Now) {
        let tick = now.tick
        switch input {
        case .send(let id, let send, let deadline, let ticket):
            state.tickets[id] = ticket
            if state.spool?.wants(send) == true {
                self.sendOrSpool(id, send, deadline: deadline, &state, at: now)
            } else {
                state.engine.send(send, as: id, deadline: deadline, at: tick)
            }
        case .attempted(let id, let attempt, let answer):
            state.engine.attempted(id, attempt: attempt, answer, at: tick)
        case .sentOneWay(let id, let attempt, let failure):
            state.engine.sentOneWay(id, attempt: attempt, failure, at: tick)
        case .ended(let token, let result): state.engine.ended(token, result, at: tick)
        case .connectionClosed(let address): state.engine.closed(address, at: tick)
        case .prepare(let topic): state.engine.prepare(topic, at: tick)
        case .transaction(let input): self.apply(input, to: &state, at: tick)
        case .expectReplies: state.engine.expectReplies(at: tick)
        case .spool(let event): self.apply(event, to: &state, at: now)
        case .close:
            state.spool?.isClosed = true
            state.engine.close(at: tick)
        }
    }
}

// MARK: - Effects

extension ProducerLoop {
    private func carryOut(_ state: inout State, at now: Now) {
        // Spooling a message that failed may send others.
        var effects = state.engine.takeEffects()
        while !effects.isEmpty {
            for effect in effects { self.perform(effect, &state, at: now) }
            effects = state.engine.takeEffects()
        }
        if state.left.count > 0 {
            self.window.leave(count: state.left.count, bytes: state.left.bytes)
            state.left = (0, 0)
        }
        self.scheduleWake(&state)
    }

    private func perform(
        _ effect: ProducerEngine.Effect, _ state: inout State, at now: Now
    ) {
        switch effect {
        case .call(let call):
            self.connection.perform(call) { self.post(.ended($0, $1)) }
        case .transmit(let transmission):
            if self.trace != nil, state.traced[transmission.id] == nil {
                state.traced[transmission.id] = .init(send: transmission.send, began: now)
            }
            self.transmit(transmission, at: now.wall)
        case .finished(let id, let result):
            if let sending = state.traced.removeValue(forKey: id),
                case .acknowledged(let acknowledgement, _, _) = result
            {
                self.trace?.stored(sending, acknowledgement, at: now.tick)
            }
            if !self.spoolTakes(id, result, &state, at: now) { self.finish(id, result, &state) }
        case .transactionEnded(let id, let result):
            state.transactions.ended(id, result)
        }
    }

    private func transmit(_ transmission: Transmission, at now: Timestamp) {
        let send = transmission.stamped(self.intercepted(transmission))
        let command = SendCommand.command(
            send, to: transmission.queue, group: self.group, at: now)
        let (id, attempt) = (transmission.id, transmission.attempt)
        guard !send.isOneWay else {
            self.connection.remoting.sendOneWay(
                command, to: transmission.address, timeout: transmission.timeout
            ) { result in
                var failure: CallFailure?
                if case .failure(let error) = result { failure = CallFailure(error) }
                self.post(.sentOneWay(id, attempt: attempt, failure))
            }
            return
        }
        self.connection.remoting.call(
            command, to: transmission.address, timeout: transmission.timeout
        ) {
            let answer = SendAnswer($0.mapError { CallFailure($0) })
            self.post(.attempted(id, attempt: attempt, answer))
        }
    }

    private func intercepted(_ transmission: Transmission) -> OutgoingSend {
        guard !self.interceptors.isEmpty else { return transmission.send }
        var messages = transmission.send.messages
        for index in messages.indices {
            var attempt = SendAttempt(
                messageID: messages[index].uniqueKey,
                topic: self.connection.namespace.bare(transmission.send.topic),
                queue: TopicQueue(self.connection.namespace.bare(transmission.queue)),
                address: transmission.address,
                number: transmission.attempt, body: messages[index].body,
                isCompressed: messages[index].compression.contains(.compressed))
            for interceptor in self.interceptors { interceptor.willSend(&attempt) }
            messages[index].body = attempt.body
            messages[index].compression = attempt.isCompressed ? .compressedByZlib : []
            var properties = messages[index].properties
            for (name, value) in attempt.properties { properties[name] = value }
            messages[index].properties = properties
        }
        return transmission.send.replacing(messages: messages)
    }

    private func finish(_ id: SendID, _ result: SendResult, _ state: inout State) {
        guard let ticket = state.tickets.removeValue(forKey: id) else { return }
        let outcome: SendTicket.Outcome =
            switch result {
            case .acknowledged(let acknowledgement, let queue, let attempts):
                .success(
                    ticket.receipts(
                        acknowledgement, queue: self.connection.namespace.bare(queue),
                        attempts: attempts))
            case .sentOneWay: .success([])
            case .failed(let failure): .failure(ApusClientError(failure))
            }
        self.finish(ticket, outcome, &state)
    }

    func finish(_ ticket: SendTicket, _ outcome: SendTicket.Outcome, _ state: inout State) {
        state.left.count += 1
        state.left.bytes += ticket.bytes
        self.report(outcome, of: ticket)
        ticket.finish(outcome)
    }

    private func report(_ outcome: SendTicket.Outcome, of ticket: SendTicket) {
        guard !self.interceptors.isEmpty else { return }
        for (index, id) in ticket.messageIDs.enumerated() {
            let result: Result<SendReceipt, ApusClientError>
            switch outcome {
            case .success(let receipts) where index < receipts.count:
                result = .success(receipts[index])
            case .success: return
            case .failure(let error): result = .failure(error)
            }
            for interceptor in self.interceptors {
                interceptor.didSend(messageID: id, result: result)
            }
        }
    }

    private func scheduleWake(_ state: inout State) {
        let wakes = [state.engine.nextWakeAt, state.spool?.nextWakeAt]
        guard let next = wakes.compactMap(\.self).min() else {
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
            state.engine.advance(to: now.tick)
            self.advanceSpool(&state, at: now)
            self.carryOut(&state, at: now)
        }
    }
}
