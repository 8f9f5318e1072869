import ClientEngine
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
    }

    let connection: ClientConnection
    let window: InFlightWindow
    private let group: String
    private let interceptors: [any SendInterceptor]
    private let inbox = Mutex(Inbox())
    private let state: NIOLoopBoundBox<State>

    init(
        _ connection: ClientConnection, engine: ProducerEngine, group: String,
        window: InFlightWindow, interceptors: [any SendInterceptor]
    ) {
        self.connection = connection
        self.window = window
        self.group = group
        self.interceptors = interceptors
        self.state = .makeBoxSendingValue(
            State(engine: engine), eventLoop: connection.eventLoop)
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
            for input in inputs { Self.apply(input, to: &state, at: now) }
            self.carryOut(&state, at: now)
        }
    }

    private static func apply(_ input: Input, to state: inout State, at now: Now) {
        let tick = now.tick
        switch input {
        case .send(let id, let send, let deadline, let ticket):
            state.tickets[id] = ticket
            state.engine.send(send, as: id, deadline: deadline, at: tick)
        case .attempted(let id, let attempt, let answer):
            state.engine.attempted(id, attempt: attempt, answer, at: tick)
        case .sentOneWay(let id, let attempt, let failure):
            state.engine.sentOneWay(id, attempt: attempt, failure, at: tick)
        case .ended(let token, let result): state.engine.ended(token, result, at: tick)
        case .connectionClosed(let address): state.engine.closed(address, at: tick)
        case .prepare(let topic): state.engine.prepare(topic, at: tick)
        case .close: state.engine.close(at: tick)
        }
    }
}

// MARK: - Effects

extension ProducerLoop {
    private func carryOut(_ state: inout State, at now: Now) {
        for effect in state.engine.takeEffects() {
            switch effect {
            case .call(let call):
                self.connection.perform(call) { self.post(.ended($0, $1)) }
            case .transmit(let transmission): self.transmit(transmission, at: now.wall)
            case .finished(let id, let result): self.finish(id, result, &state)
            }
        }
        if state.left.count > 0 {
            self.window.leave(count: state.left.count, bytes: state.left.bytes)
            state.left = (0, 0)
        }
        self.scheduleWake(&state)
    }

    private func transmit(_ transmission: Transmission, at now: Timestamp) {
        let send = self.intercepted(transmission)
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
                messageID: messages[index].uniqueKey, topic: transmission.send.topic,
                queue: TopicQueue(transmission.queue), address: transmission.address,
                number: transmission.attempt, body: messages[index].body)
            for interceptor in self.interceptors { interceptor.willSend(&attempt) }
            messages[index].body = attempt.body
            var properties = messages[index].properties
            for (name, value) in attempt.properties { properties[name] = value }
            messages[index].properties = properties
        }
        return transmission.send.replacing(messages: messages)
    }

    private func finish(_ id: SendID, _ result: SendResult, _ state: inout State) {
        guard let ticket = state.tickets.removeValue(forKey: id) else { return }
        state.left.count += 1
        state.left.bytes += ticket.bytes
        let outcome: SendTicket.Outcome =
            switch result {
            case .acknowledged(let acknowledgement, let queue, let attempts):
                .success(ticket.receipts(acknowledgement, queue: queue, attempts: attempts))
            case .sentOneWay: .success([])
            case .failed(let failure): .failure(ApusClientError(failure))
            }
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
            state.engine.advance(to: now.tick)
            self.carryOut(&state, at: now)
        }
    }
}
