import ClientCore
import ClientEngine
import MessageFormat
import NIOCore
import RemotingProtocol

/// A producer of transactions, through the client library's producer engine. Now and then its
/// process dies between the half message and its end.
final class TransactionProducer {
    let client: WorkloadClient
    private let number: Int
    private unowned let book: TransactionWorkload
    private var engine: ProducerEngine?
    private var wakeAt: Tick?

    init(number: Int, _ client: WorkloadClient, of book: TransactionWorkload) {
        self.number = number
        self.client = client
        self.book = book
        client.began = { [weak self] in self?.began() }
        client.asked = { [weak self] request, end in self?.asked(request, on: end) }
        client.closed = { [weak self] address in self?.change { $0.closed(address, at: $1) } }
    }

    private func began() {
        self.wakeAt = nil
        self.engine = ProducerEngine(self.configuration)
        self.change { $0.prepare(TransactionWorkload.topic, at: $1) }
        self.client.keep(.milliseconds(20)...(.milliseconds(150))) { [weak self] in
            self?.sendOne() ?? false
        }
    }

    private var configuration: ProducerEngine.Configuration {
        let name = "tx-\(self.number)-\(self.client.machine.life)"
        var configuration = ProducerEngine.Configuration(
            group: TransactionWorkload.group, clientID: name,
            nameServers: self.client.outside.plan.nameServerAddresses)
        configuration.session = name
        configuration.policy.deadline = .seconds(4)
        configuration.policy.attemptTimeout = .milliseconds(1_500)
        configuration.transactions.attemptTimeout = .seconds(1)
        configuration.routes.interval = .seconds(1)
        configuration.heartbeatInterval = .seconds(1)
        configuration.firstQueue = self.number
        return configuration
    }

    private func change(_ input: (inout ProducerEngine, Tick) -> Void) {
        guard self.engine != nil else { return }
        let now = self.client.machine.now().tick
        self.engine.use { input(&$0, now) }
        for effect in self.engine?.takeEffects() ?? [] { self.carryOut(effect) }
        self.planWake()
    }

    private func carryOut(_ effect: ProducerEngine.Effect) {
        switch effect {
        case .call(let call):
            self.client.remoting?.call(call.command, to: call.address, timeout: call.timeout) {
                [weak self] result in self?.change { $0.ended(call.token, result, at: $1) }
            }
        case .transmit(let transmission): self.transmit(transmission)
        case .finished(let id, .acknowledged(let acknowledgement, let queue, _)):
            self.prepared(id.value, acknowledgement, queue)
        case .finished(let id, _):
            self.change { engine, _ in engine.leaveOpen(Self.key(id.value)) }
        case .transactionEnded(let key, .confirmed):
            if let value = Self.value(in: key) { self.book.endConfirmed(value) }
        case .transactionEnded: self.client.world.probes.hit("end of a transaction not confirmed")
        }
    }

    private func transmit(_ transmission: Transmission) {
        let command = SendCommand.command(
            transmission.stamped(transmission.send), to: transmission.queue,
            group: TransactionWorkload.group, at: self.client.machine.now().wall)
        self.client.remoting?.call(
            command, to: transmission.address, timeout: transmission.timeout
        ) { [weak self] result in
            self?.change {
                $0.attempted(
                    transmission.id, attempt: transmission.attempt, SendAnswer(result), at: $1)
            }
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

// MARK: - One transaction

extension TransactionProducer {
    private static func key(_ value: UInt64) -> String { "tx-\(value)" }

    private static func value(in key: String) -> UInt64? { UInt64(key.dropFirst(3)) }

    /// False: there are enough.
    private func sendOne() -> Bool {
        guard let value = self.book.newTransaction() else { return false }
        var properties = MessageProperties()
        properties[PropertyName.transactionPrepared] = "true"
        properties[PropertyName.producerGroup] = TransactionWorkload.group
        let message = OutgoingMessage(
            body: History.body(of: value, filler: self.client.world.random.below(200)),
            properties: properties, uniqueKey: Self.key(value))
        let send = OutgoingSend(
            topic: TransactionWorkload.topic, messages: [message], kind: .half)
        self.change { engine, now in
            engine.beginTransaction(Self.key(value))
            engine.send(send, as: SendID(value), at: now)
        }
        return true
    }

    /// The half message is stored: its producer works, decides, says so, says nothing, or dies.
    private func prepared(
        _ value: UInt64, _ acknowledgement: SendAcknowledgement, _ queue: MessageQueue
    ) {
        let work = self.client.world.random.duration(in: .zero ... .milliseconds(100))
        self.client.machine.after(work) { [weak self] in
            guard let self else { return }
            switch self.client.world.random.below(100) {
            case ..<10 where !self.book.isFinishing:
                self.client.world.probes.hit("producer died within a transaction")
                self.client.crash()
            case ..<65: self.end(value, acknowledgement, queue)
            default: self.change { engine, _ in engine.leaveOpen(Self.key(value)) }
            }
        }
    }

    private func end(
        _ value: UInt64, _ acknowledgement: SendAcknowledgement, _ queue: MessageQueue
    ) {
        let verdict = self.book.verdict(of: value)
        guard verdict != .unknown,
            let end = EndTransaction(
                of: acknowledgement, messageID: Self.key(value), topic: TransactionWorkload.topic,
                group: TransactionWorkload.group, verdict: verdict)
        else {
            return self.change { engine, _ in engine.leaveOpen(Self.key(value)) }
        }
        self.change { $0.endTransaction(end, at: queue.brokerName, $1) }
    }

    /// A broker asks: what this process does not know, its database does.
    private func asked(_ request: ReceivedCommand, on end: ConnectionEnd) {
        guard request.requestCode == .checkTransactionState,
            let check = try? TransactionCheck(request),
            let value = History.value(in: check.message.body)
        else { return }
        let verdict: TransactionVerdict
        switch self.engine?.knowledge(ofTransaction: Self.key(value)) {
        case .underWay: verdict = .unknown
        case .decided(let decided): verdict = decided
        case .unknown, nil:
            verdict = self.book.verdict(of: value)
            self.change { engine, _ in engine.checked(Self.key(value), verdict) }
        }
        self.client.world.probes.hit("check-back answered")
        end.send(check.answer(verdict, group: TransactionWorkload.group).command.framed)
    }
}
