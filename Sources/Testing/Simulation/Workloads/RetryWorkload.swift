import ClientEngine
import DeliveryCore
import MessageFormat

/// Consumers that give messages back, some of them until they are dead letters.
final class RetryWorkload: WorkloadNode {
    static let topic = "tries"
    static let group = "RE"
    static let retriesMax: Int32 = 2

    private struct Message {
        /// How often its handling fails. More than the retries: until it is a dead letter.
        let failures: Int32
        /// Of the master that holds it first; nil: nobody has confirmed it.
        var group: Int?
        /// How often it was given back, by the number of earlier tries.
        var givenBack: [Int32: Int] = [:]
        /// Copies in the retry topic, and dead letters, by the number of tries.
        var copies: [Int32: Int] = [:]
        var parkedEpochs: [Int32: Epoch] = [:]
        var isHandled = false
        var isDead = false
    }

    private static let messagesMax: UInt64 = 30

    let clients: [WorkloadClient]
    private var consumers: [RetryConsumer] = []
    private let outside: Outside
    private var messages: [UInt64: Message] = [:]
    private var lastValue: UInt64 = 0
    private var isFinishing = false

    init(_ outside: Outside) {
        self.outside = outside
        self.clients = [
            WorkloadClient("retry-producer", number: 4, outside),
            WorkloadClient("retry-consumer-1", number: 5, outside),
            WorkloadClient("retry-consumer-2", number: 6, outside),
        ]
        self.clients[0].began = { [weak self] in self?.sendSome() }
        self.consumers = self.clients.dropFirst().enumerated().map { number, client in
            RetryConsumer(number: number, client) { [weak self] in self?.choice(for: $0) }
        }
    }

    private var world: World { self.outside.world }

    private func sendSome() {
        let client = self.clients[0]
        client.keep(.milliseconds(20)...(.milliseconds(120))) { [weak self, weak client] in
            guard let self, let client, !self.isFinishing, self.lastValue < Self.messagesMax else {
                return false
            }
            guard let master = client.anyMaster() else { return true }
            self.lastValue += 1
            let failures: Int32 = [0, 0, 0, 1, 1, 2, .max, .max][self.world.random.below(8)]
            self.messages[self.lastValue] = Message(failures: failures)
            client.send(self.lastValue, to: Self.topic, of: master)
            return true
        }
    }

    func finish() { self.isFinishing = true }

    /// A message was delivered.
    private func choice(for message: InboundMessage) -> RetryRequests.Choice? {
        guard message.isBodyIntact, let value = History.value(in: message.body),
            let known = self.messages[value]
        else {
            self.world.violated(.nothingIsMadeUp, "a message was delivered that nobody sent")
            return nil
        }
        guard message.reconsumeTimes < known.failures else {
            if message.reconsumeTimes > 0 { self.world.probes.hit("retry succeeded") }
            self.messages[value]?.isHandled = true
            return nil
        }
        self.messages[value]?.givenBack[message.reconsumeTimes, default: 0] += 1
        return RetryRequests.Choice(level: Int32(self.world.random.below(2)), reason: "simulated")
    }

    let promise = Invariant.retriedOrDead

    var unfinished: [String] {
        let rotten = self.outside.workloads?.rottenGroups() ?? []
        // A message that its own broker does not take back goes to the other group.
        guard rotten.isEmpty else { return [] }
        return self.messages.keys.sorted().compactMap { value in
            guard let message = self.messages[value], message.group != nil, !message.isHandled,
                !message.isDead
            else { return nil }
            return "\(value), given back \(message.givenBack.values.reduce(0, +)) times"
        }
    }
}

// MARK: - What lies in the log

extension RetryWorkload {
    private static let retryTopic = RetryRequests.topic(of: RetryWorkload.group)
    private static let deadLetters = ResourceName.deadLetterPrefix + RetryWorkload.group

    func confirmed(_ message: ConfirmedMessage) {
        switch message.destination ?? message.topic {
        case Self.topic: self.messages[message.value]?.group = message.group
        case Self.retryTopic where message.destination != nil:
            self.messages[message.value]?.parkedEpochs[message.reconsumeTimes] = message.epoch
        case Self.retryTopic: self.check(message, isDead: false)
        case Self.deadLetters: self.check(message, isDead: true)
        default: break
        }
    }

    private func check(_ message: ConfirmedMessage, isDead: Bool) {
        guard let known = self.messages[message.value] else {
            return self.world.violated(.nothingIsMadeUp, "\(message.value) was never sent")
        }
        let tries = message.reconsumeTimes
        let copies = (known.copies[tries] ?? 0) + 1
        self.messages[message.value]?.copies[tries] = copies
        guard (tries > Self.retriesMax) == isDead, tries > 0 else {
            return self.world.violated(
                .retriedOrDead,
                "\(message.value) is \(isDead ? "dead" : "to be retried") after \(tries) tries")
        }
        // When its own broker does not answer, it is sent to the retry topic besides.
        guard copies <= 2 * (known.givenBack[tries - 1] ?? 0) else {
            return self.world.violated(
                .retriedOrDead,
                "\(message.value) lies there for the \(copies)th time after \(tries) tries")
        }
        self.note(message, known, isDead: isDead)
    }

    private func note(_ message: ConfirmedMessage, _ known: Message, isDead: Bool) {
        self.world.probes.hit(isDead ? "dead letter" : "message is retried")
        if isDead {
            self.messages[message.value]?.isDead = true
            if DeadLetterNote(message.properties) == nil {
                self.world.violated(
                    .retriedOrDead, "\(message.value) is dead, and nothing says why")
            }
        }
        if message.group != known.group {
            self.world.probes.hit("message given back to another group")
        } else if let epoch = known.parkedEpochs[message.reconsumeTimes], epoch < message.epoch {
            self.world.probes.hit("retry fired by another master than accepted it")
        }
    }
}
