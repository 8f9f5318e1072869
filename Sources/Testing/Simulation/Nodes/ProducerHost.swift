import ClientCore
import ClientEngine
import MessageFormat
import RemotingProtocol

/// A machine that sends numbered messages through the client library's producer engine.
final class ProducerHost {
    let machine: Machine
    private let outside: Outside
    private let history: History
    private let number: Int
    private var engine: ProducerEngine
    private var remoting: VirtualRemotingClient?
    private var values: [SendID: UInt64] = [:]
    private var wakeAt: Tick?
    private var isSending = false

    init(number: Int, outside: Outside, history: History) {
        self.number = number
        self.outside = outside
        self.history = history
        self.machine = Machine(
            name: "producer-\(number + 1)", host: outside.plan.clientHost(number),
            world: outside.world)
        self.engine = ProducerEngine(Self.configuration(number, outside))
    }

    private static func configuration(
        _ number: Int, _ outside: Outside
    ) -> ProducerEngine.Configuration {
        var configuration = ProducerEngine.Configuration(
            group: "P", clientID: "producer-\(number)",
            nameServers: outside.plan.nameServerAddresses)
        configuration.policy.deadline = .seconds(4)
        configuration.policy.attemptTimeout = .milliseconds(1_500)
        configuration.routes.interval = .seconds(1)
        configuration.heartbeatInterval = .seconds(1)
        configuration.firstQueue = number
        return configuration
    }

    func start() {
        self.machine.start { [weak self] in
            guard let self else { return }
            self.outside.network.processEnded(on: self.machine)
        }
        self.remoting = VirtualRemotingClient(
            self.machine, self.outside.network,
            onClosed: { [weak self] address in self?.change { $0.closed(address, at: $1) } })
        self.isSending = true
        self.change { $0.prepare(self.outside.plan.topic, at: $1) }
        self.sendNext()
    }

    /// What is under way still ends.
    func stopSending() { self.isSending = false }

    var pendingCount: Int { self.engine.pendingCount }

    private func sendNext() {
        let pause = self.outside.world.random.duration(in: .milliseconds(10)...(.milliseconds(90)))
        self.machine.after(pause) { [weak self] in
            guard let self, self.isSending else { return }
            if self.engine.pendingCount < 50 {
                for _ in 0...self.outside.world.random.below(3) { self.sendOne() }
            }
            self.sendNext()
        }
    }

    private func sendOne() {
        let value = self.history.newValue(of: self.number)
        let filler = self.outside.world.random.below(400)
        let message = OutgoingMessage(
            body: History.body(of: value, filler: filler), properties: MessageProperties(),
            uniqueKey: "v\(value)")
        let id = SendID(value)
        self.values[id] = value
        let send = OutgoingSend(topic: self.outside.plan.topic, messages: [message])
        self.change { $0.send(send, as: id, at: $1) }
    }

    private func change(_ input: (inout ProducerEngine, Tick) -> Void) {
        input(&self.engine, self.machine.now().tick)
        for effect in self.engine.takeEffects() { self.carryOut(effect) }
        self.planWake()
    }

    private func carryOut(_ effect: ProducerEngine.Effect) {
        switch effect {
        case .call(let call):
            self.remoting?.call(call.command, to: call.address, timeout: call.timeout) {
                [weak self] result in self?.change { $0.ended(call.token, result, at: $1) }
            }
        case .transmit(let transmission): self.transmit(transmission)
        case .finished(let id, _): self.values[id] = nil
        case .transactionEnded: break  // it sends none
        }
    }

    private func transmit(_ transmission: Transmission) {
        let command = SendCommand.command(
            transmission.send, to: transmission.queue, group: "P", at: self.machine.now().wall)
        let value = transmission.id.value
        self.history.attempted(value)
        self.remoting?.call(command, to: transmission.address, timeout: transmission.timeout) {
            [weak self] result in
            guard let self else { return }
            let answer = SendAnswer(result)
            self.history.answered(
                value, answer, queue: transmission.queue, at: self.outside.world.time)
            self.note(answer)
            self.change {
                $0.attempted(transmission.id, attempt: transmission.attempt, answer, at: $1)
            }
        }
    }

    private func note(_ answer: SendAnswer) {
        guard case .failed(let outcome) = answer, let failure = outcome.failure else { return }
        self.outside.world.probes.hit("send failed: \(failure.kind)")
    }

    private func planWake() {
        guard let next = self.engine.nextWakeAt else { return }
        if let wakeAt = self.wakeAt, wakeAt <= next { return }
        self.wakeAt = next
        let now = self.machine.now().tick
        self.machine.after(next > now ? next - now : .zero) { [weak self] in
            guard let self, self.wakeAt == next else { return }
            self.wakeAt = nil
            self.change { $0.advance(to: $1) }
        }
    }
}
