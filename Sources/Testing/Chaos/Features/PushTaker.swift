internal import ApusClient
internal import MessageFormat

/// A member of the group that handles what it gets as each message's lot wants it.
final class PushTaker: Sendable {
    private static let commitInterval: Duration = .milliseconds(500)
    static let attemptsMax = 3

    private let member: Member
    private let feature: Feature
    private let consumer: PushConsumer
    private let recorder: Recorder
    private let ledger: FeatureLedger

    init(
        member: Member, plan: WorkloadPlan, feature: Feature, nameServers: [String],
        recorder: Recorder, ledger: FeatureLedger
    ) {
        self.member = member
        self.feature = feature
        self.recorder = recorder
        self.ledger = ledger
        var options = PushConsumer.Options()
        options.from = .first
        options.commitInterval = Self.commitInterval
        if feature == .deadLetter { options.attemptsMax = Self.attemptsMax }
        self.consumer = PushConsumer(
            ApusClient.Configuration(nameServers: nameServers), group: member.group,
            subscriptions: [Subscription(topic: plan.topic)], options: options)
    }

    /// Runs until its task is cancelled, then leaves in good order.
    func run() async {
        var watch = AssignmentWatch(member: self.member, recorder: self.recorder)
        for await delivery in self.consumer.messages {
            watch.look(at: delivery, of: self.consumer)
            self.take(delivery)
        }
        self.recorder.record(.left(self.member))
        await self.consumer.close()
    }

    private func take(_ delivery: Delivery) {
        let message = delivery.message
        self.recorder.record(.received(message.reception(by: self.member)))
        guard case .value(let id) = message.content else {
            delivery.acknowledge()
            return
        }
        if let (policy, delay) = self.failure(of: message, id) {
            // Before the broker can know of it: the delay begins later.
            self.treat(id, message, .failed(again: delay))
            if !delivery.retry(policy, because: "hopeless \(id)") {
                self.treat(id, message, .uncertain)
            }
        } else if delivery.acknowledge() {
            self.treat(id, message, .done)
            self.ledger.finish(id)
        } else {
            self.treat(id, message, .uncertain)
        }
    }

    private func treat(_ id: ValueID, _ message: ReceivedMessage, _ treatment: Treatment) {
        self.recorder.record(
            .treated(id, by: self.member, message.position, treatment))
    }

    /// When the message is wanted again; nil if its handler succeeds.
    private func failure(
        of message: ReceivedMessage, _ id: ValueID
    ) -> (policy: RetryPolicy, delay: Duration?)? {
        switch self.feature {
        case .retry:
            let retries = Lot.retries(id)
            guard message.reconsumeTimes < retries.count else { return nil }
            let wish = retries[message.reconsumeTimes]
            switch wish {
            case .level(let level): return (.level(level), wish.delay)
            case .growing: return (.growing, wish.delay)
            }
        case .deadLetter:
            guard Lot.isHopeless(id), !self.ledger.isReplayed(id) else { return nil }
            let isLast = message.reconsumeTimes + 1 >= Self.attemptsMax
            return (.level(1), isLast ? nil : RetryWish.level(1).delay)
        default: return nil
        }
    }
}

extension ReceivedMessage {
    var position: QueuePosition {
        QueuePosition(self.queue.queue, QueueOffset(self.queueOffset))
    }

    func reception(by member: Member) -> Reception {
        Reception(
            member: member, position: self.position, content: self.content,
            reconsumeTimes: Int32(clamping: self.reconsumeTimes))
    }
}
