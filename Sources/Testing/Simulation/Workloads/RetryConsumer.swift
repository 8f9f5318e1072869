import ClientEngine
import MessageFormat
import RemotingProtocol

/// Consumes through the client library's consumer engine, and gives some messages back.
final class RetryConsumer {
    let client: WorkloadClient
    private let number: Int
    /// Whether the message is worked off; nil: it is given back with this choice.
    private let handle: (InboundMessage) -> RetryRequests.Choice?
    private var engine: ConsumerEngine?
    private var wakeAt: Tick?

    init(
        number: Int, _ client: WorkloadClient,
        _ handle: @escaping (InboundMessage) -> RetryRequests.Choice?
    ) {
        self.number = number
        self.client = client
        self.handle = handle
        client.began = { [weak self] in self?.began() }
        client.asked = { [weak self] request, _ in
            guard request.requestCode == .notifyConsumerIDsChanged else { return }
            self?.change { $0.membersChanged(group: RetryWorkload.group, at: $1) }
        }
        client.closed = { [weak self] address in self?.change { $0.closed(address, at: $1) } }
    }

    private func began() {
        self.wakeAt = nil
        self.engine = ConsumerEngine(self.configuration, at: self.client.machine.now().tick)
        self.change { $0.start(at: $1) }
    }

    private var configuration: ConsumerEngine.Configuration {
        let plan = self.client.outside.plan
        var configuration = ConsumerEngine.Configuration(
            group: RetryWorkload.group,
            clientID: "retry-\(self.number)-\(self.client.machine.life)",
            nameServers: plan.nameServerAddresses,
            subscriptions: [
                SubscriptionData(topic: RetryWorkload.topic, expression: "*", version: 1)
            ])
        var rules = RetryRules()
        rules.retriesMax = RetryWorkload.retriesMax
        rules.callTimeout = .seconds(1)
        rules.localPause = .milliseconds(300)
        configuration.retry = rules
        configuration.start = .first
        configuration.hold = .seconds(1)
        configuration.pullTimeout = .seconds(3)
        configuration.callTimeout = .seconds(1)
        configuration.commitInterval = .milliseconds(250)
        configuration.rebalanceInterval = .seconds(1)
        configuration.heartbeatInterval = .seconds(1)
        configuration.routes.interval = .milliseconds(500)
        return configuration
    }

    private func change(_ input: (inout ConsumerEngine, Tick) -> Void) {
        guard self.engine != nil else { return }
        let now = self.client.machine.now().tick
        self.engine.use { input(&$0, now) }
        for effect in self.engine?.takeEffects() ?? [] { self.carryOut(effect) }
        self.takeAll()
        self.planWake()
    }

    private func takeAll() {
        let now = self.client.machine.now().tick
        while let delivery = self.engine?.take(at: now) {
            let choice = self.handle(delivery.message)
            let work = self.client.world.random.duration(in: .zero ... .milliseconds(20))
            self.client.machine.after(work) { [weak self] in
                self?.end(delivery, choice)
            }
        }
    }

    private func end(_ delivery: ConsumerEngine.Delivery, _ choice: RetryRequests.Choice?) {
        let offset = delivery.message.queueOffset
        self.change { engine, now in
            if let choice {
                engine.sendBack(offset, of: delivery.assignment, choice, at: now)
            } else {
                engine.acknowledge(offset, of: delivery.assignment, at: now)
            }
        }
    }

    private func carryOut(_ effect: ConsumerEngine.Effect) {
        switch effect {
        case .call(let call):
            self.client.remoting?.call(call.command, to: call.address, timeout: call.timeout) {
                [weak self] result in self?.change { $0.ended(call.token, result, at: $1) }
            }
        case .pull(let token, let request, let address, let timeout):
            self.client.remoting?.call(request.command, to: address, timeout: timeout) {
                [weak self] result in
                self?.change { $0.pulled(token, PullAnswer(result, of: request), at: $1) }
            }
        case .assigned, .revoked, .available, .keepOffsets, .closed: break
        }
    }

    private func planWake() {
        guard let next = self.engine?.nextWakeAt else { return }
        if let wakeAt = self.wakeAt, wakeAt <= next { return }
        self.wakeAt = next
        let now = self.client.machine.now().tick
        self.client.machine.after(next > now ? next - now : .zero) { [weak self] in
            guard let self, self.wakeAt == next else { return }
            self.wakeAt = nil
            self.change { $0.advance(to: $1) }
        }
    }
}
