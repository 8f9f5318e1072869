import ClientEngine
import MessageFormat
import RemotingProtocol

/// A machine that consumes through the client library's consumer engine and writes down what it
/// saw.
final class ConsumerHost {
    static let group = "C"

    let machine: Machine
    private let outside: Outside
    private let history: History
    private let number: Int
    private var engine: ConsumerEngine?
    private var remoting: VirtualRemotingClient?
    private var wakeAt: Tick?

    init(number: Int, outside: Outside, history: History) {
        self.number = number
        self.outside = outside
        self.history = history
        self.machine = Machine(
            name: "consumer-\(number + 1)",
            host: outside.plan.clientHost(outside.plan.producers + number), world: outside.world)
    }

    func start() {
        guard !self.machine.isRunning else { return }
        self.machine.start { [weak self] in
            guard let self else { return }
            self.engine = nil
            self.wakeAt = nil
            self.outside.network.processEnded(on: self.machine)
        }
        self.remoting = VirtualRemotingClient(
            self.machine, self.outside.network,
            onRequest: { [weak self] command, _ in self?.asked(command) },
            onClosed: { [weak self] address in self?.change { $0.closed(address, at: $1) } })
        self.engine = ConsumerEngine(self.configuration(), at: self.machine.now().tick)
        self.change { $0.start(at: $1) }
    }

    private func configuration() -> ConsumerEngine.Configuration {
        var configuration = ConsumerEngine.Configuration(
            group: Self.group, clientID: "consumer-\(self.number)-\(self.machine.life)",
            nameServers: self.outside.plan.nameServerAddresses,
            subscriptions: [
                SubscriptionData(topic: self.outside.plan.topic, expression: "*", version: 1)
            ])
        configuration.start = .first
        configuration.hold = .seconds(1)
        configuration.pullTimeout = .seconds(3)
        configuration.callTimeout = .seconds(1)
        configuration.commitInterval = .milliseconds(250)
        configuration.rebalanceInterval = .seconds(1)
        configuration.heartbeatInterval = .seconds(1)
        configuration.routes.interval = .seconds(1)
        return configuration
    }

    private func asked(_ request: ReceivedCommand) {
        guard request.requestCode == .notifyConsumerIDsChanged else { return }
        self.change { $0.membersChanged(group: Self.group, at: $1) }
    }

    private func change(_ input: (inout ConsumerEngine, Tick) -> Void) {
        guard self.engine != nil else { return }
        let now = self.machine.now().tick
        self.engine.use { input(&$0, now) }
        for effect in self.engine?.takeEffects() ?? [] { self.carryOut(effect) }
        self.takeAll()
        self.planWake()
    }

    /// Messages are worked off after a moment, in any order.
    private func takeAll() {
        let now = self.machine.now().tick
        while let delivery = self.engine?.take(at: now) {
            self.history.saw(delivery.message, by: self.machine.name)
            let work = self.outside.world.random.duration(in: .zero ... .milliseconds(5))
            self.machine.after(work) { [weak self] in
                self?.change {
                    $0.acknowledge(delivery.message.queueOffset, of: delivery.assignment, at: $1)
                }
            }
        }
    }

    private func carryOut(_ effect: ConsumerEngine.Effect) {
        switch effect {
        case .call(let call): self.call(call)
        case .pull(let token, let request, let address, let timeout):
            let commit = request.commit.map {
                self.history.commitSent(Self.group, request.queue, $0.value)
            }
            self.remoting?.call(request.command, to: address, timeout: timeout) {
                [weak self] result in
                guard let self else { return }
                if case .success = result, let commit { self.history.answered(commit) }
                let answer = PullAnswer(result, of: request)
                self.note(answer, to: request)
                self.change { $0.pulled(token, answer, at: $1) }
            }
        case .assigned, .revoked, .available, .keepOffsets, .closed: break
        }
    }

    private func note(_ answer: PullAnswer, to request: QueuePull) {
        guard case .moved(let progress) = answer else { return }
        self.history.moved(request, to: progress.next)
    }

    private func call(_ call: ClientCall) {
        let commit = OffsetCall(call, self.outside, self.history)
        self.remoting?.call(call.command, to: call.address, timeout: call.timeout) {
            [weak self] result in
            guard let self else { return }
            commit?.ended(result)
            self.change { $0.ended(call.token, result, at: $1) }
        }
    }

    private func planWake() {
        guard let next = self.engine?.nextWakeAt else { return }
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

extension Optional {
    /// Changes the value in place, when there is one.
    mutating func use(_ body: (inout Wrapped) -> Void) {
        guard var value = self.take() else { return }
        body(&value)
        self = value
    }
}

/// A call that stores or asks a group's offset, as the history needs to know it.
private struct OffsetCall {
    private enum Kind {
        case store(History.OffsetWrite)
        case question(History.OffsetQuestion)
    }

    private let history: History
    private let kind: Kind

    init?(_ call: ClientCall, _ outside: Outside, _ history: History) {
        let fields = Dictionary(
            call.command.fields.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 })
        guard let topic = fields["topic"], let id = fields["queueId"].flatMap(Int32.init),
            let group = (0..<outside.plan.groups).first(where: { group in
                (0..<outside.plan.replicas).contains {
                    "\(outside.plan.brokerHost(group, $0)):10911" == call.address
                }
            })
        else { return nil }
        self.history = history
        let queue = MessageQueue(
            topic: topic, brokerName: outside.plan.brokerName(group), queueID: id)
        switch RequestCode(rawValue: call.command.code) {
        case .updateConsumerOffset:
            guard let offset = fields["commitOffset"].flatMap(Int64.init) else { return nil }
            self.kind = .store(history.commitSent(ConsumerHost.group, queue, offset))
        case .queryConsumerOffset:
            self.kind = .question(history.askedOffset(ConsumerHost.group, queue))
        default: return nil
        }
    }

    func ended(_ result: CallResult) {
        guard case .success(let answer) = result else { return }
        switch self.kind {
        case .store(let commit) where answer.responseCode == .success:
            self.history.acknowledged(commit)
        case .store(let commit): self.history.answered(commit)
        case .question(let question) where answer.responseCode == .success:
            self.history.answered(question, (try? answer.int64("offset")) ?? nil)
        case .question(let question) where answer.responseCode == .queryNotFound:
            self.history.answered(question, nil)
        case .question: break
        }
    }
}
