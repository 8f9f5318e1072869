import ClientCore
package import MessageFormat
import RemotingProtocol

/// What becomes of messages whose handling failed, in a group whose brokers keep them for later.
package struct RetryRules: Hashable, Sendable {
    /// How often a message may come again before it is a dead letter; nil: the group's own limit.
    package var retriesMax: Int32?
    package var callTimeout = Duration.seconds(5)
    /// Until a message that no broker takes back is given out again here.
    package var localPause = Duration.seconds(5)
    /// A message that is handled for longer is given back, whatever its handler does.
    package var handlingMax = Duration.seconds(900)
    /// The delay level of such a message.
    package var levelWhenOverdue: Int32 = 3

    package init() {}

    /// How often it is looked for messages that are handled for too long.
    var lookEvery: Duration { min(.seconds(60), self.handlingMax / 2) }
}

/// A message on its way back to the brokers.
struct ReturningMessage: Sendable {
    let assignment: AssignmentID
    let message: InboundMessage
    let choice: RetryRequests.Choice
    /// Its own broker did not take it: it was sent to the retry topic.
    var isSent = false

    var key: ReturningKey {
        ReturningKey(assignment: self.assignment, offset: self.message.queueOffset)
    }
}

struct ReturningKey: Hashable, Sendable {
    let assignment: AssignmentID
    let offset: QueueOffset
}

// Back to the brokers: first to the message's own, else to any; if none takes it, it stays here.
extension ConsumerEngine {
    /// The user could not work the message off: the group gets it again later, or never if the
    /// choice or the number of its tries makes it a dead letter. It stays unacknowledged until a
    /// broker has it.
    ///
    /// False if the queue is no longer this consumer's, or the message not given out.
    @discardableResult
    package mutating func sendBack(
        _ offset: QueueOffset, of id: AssignmentID, _ choice: RetryRequests.Choice, at now: Tick
    ) -> Bool {
        guard let rules = self.retryRules else {
            return self.giveBack(
                offset, of: id, after: RetryRules().localPause, at: now)
        }
        guard let message = self.assigned[id]?.buffer.givenOut(offset) else { return false }
        var choice = choice
        choice.retriesMax = choice.retriesMax ?? rules.retriesMax
        let back = ReturningMessage(assignment: id, message: message, choice: choice)
        guard self.returningKeys.insert(back.key).inserted else { return true }
        let broker = message.queue.brokerName
        guard let address = self.routes.route(of: message.queue.topic)?.masterAddress(of: broker)
        else {
            self.sendToRetryTopic(back, at: now)
            return true
        }
        let token = self.call(
            RetryRequests.sendBack(message, group: self.configuration.group, choice), to: address,
            timeout: rules.callTimeout)
        self.returning[token] = back
        return true
    }

    /// Broadcasting consumers have no broker that would know what each has done.
    var retryRules: RetryRules? { self.usesBrokerOffsets ? self.configuration.retry : nil }

    /// A message's way back ended.
    mutating func returned(_ back: ReturningMessage, _ result: CallResult, at now: Tick) {
        if (try? result.get())?.responseCode == .success {
            self.returningKeys.remove(back.key)
            self.acknowledge(back.message.queueOffset, of: back.assignment, at: now)
        } else if back.isSent {
            self.keep(back, at: now)
        } else {
            self.routes.suspect(back.message.queue.topic, at: now)
            self.sendToRetryTopic(back, at: now)
        }
    }

    private mutating func sendToRetryTopic(_ back: ReturningMessage, at now: Tick) {
        guard self.isCurrent(back.assignment),
            let (queue, address) = self.retryQueue(avoiding: back.message.queue.brokerName)
        else { return self.keep(back, at: now) }
        var back = back
        back.isSent = true
        let command = RetryRequests.send(
            back.message, group: self.configuration.group, to: queue, back.choice)
        let token = self.call(
            command, to: address, timeout: self.retryRules?.callTimeout ?? .seconds(5))
        self.returning[token] = back
    }

    private mutating func keep(_ back: ReturningMessage, at now: Tick) {
        self.returningKeys.remove(back.key)
        let pause = self.retryRules?.localPause ?? .seconds(5)
        self.giveBack(back.message.queueOffset, of: back.assignment, after: pause, at: now)
    }

    /// A queue of the retry topic on another broker than the one that failed, if there is another.
    mutating func retryQueue(avoiding broker: String) -> (MessageQueue, address: String)? {
        let topic = RetryRequests.topic(of: self.configuration.group)
        var queues = self.routes.route(of: topic)?.writeQueues ?? []
        if queues.isEmpty {
            // The topic is made by what is sent to it; the broker chooses the queue.
            let names = Set(self.routes.routes.flatMap { $0.brokersWithMaster }).sorted()
            queues = names.map { MessageQueue(topic: topic, brokerName: $0, queueID: -1) }
        }
        let others = queues.filter { $0.brokerName != broker }
        let candidates = others.isEmpty ? queues : others
        guard !candidates.isEmpty else { return nil }
        self.lastRetryQueue &+= 1
        let queue = candidates[self.lastRetryQueue % candidates.count]
        return self.masterAddress(of: queue.brokerName).map { (queue, $0) }
    }

    private func masterAddress(of broker: String) -> String? {
        self.routes.routes.lazy.compactMap { $0.masterAddress(of: broker) }.first
    }
}

// Handlers that do not come back.
extension ConsumerEngine {
    mutating func returnOverdue(at now: Tick) {
        guard let rules = self.retryRules, let dueAt = self.overdueCheckAt, dueAt <= now else {
            return
        }
        self.overdueCheckAt = now + rules.lookEvery
        let seconds = rules.handlingMax.components.seconds
        for id in self.assigned.keys.sorted() {
            let overdue = self.assigned[id]?.buffer.givenOut(
                for: rules.handlingMax, countMax: 16, at: now)
            for offset in overdue ?? [] {
                let choice = RetryRequests.Choice(
                    level: rules.levelWhenOverdue,
                    reason: "no result after \(seconds) s of handling")
                self.sendBack(offset, of: id, choice, at: now)
            }
        }
    }
}
