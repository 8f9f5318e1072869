import ClientEngine
import Logging

/// A message in the hands of a consumer's user.
///
/// Until it is acknowledged the group's offset does not move past it: if this consumer dies or
/// loses the queue, the message goes to another one.
public struct Delivery: Sendable {
    /// What came.
    public let message: ReceivedMessage
    /// How often this consumer has given the message out, this time included.
    public let deliveryCount: Int
    private let assignment: AssignmentID
    private let consumer: PushConsumer
    private let handling: ConsumerTrace.Handling?

    init(_ delivery: ConsumerEngine.Delivery, _ consumer: PushConsumer) {
        self.message = ReceivedMessage(
            delivery.message, in: consumer.connection.namespace)
        self.deliveryCount = delivery.deliveries
        self.assignment = delivery.assignment
        self.consumer = consumer
        self.handling = consumer.trace?.began(self.message)
    }

    /// Whether the message's queue is still this consumer's. If not, another consumer has got the
    /// message too, or will get it.
    public var isAssigned: Bool { self.consumer.loop.isCurrent(self.assignment) }

    /// The message is done with. Without effect, and false, if it was acknowledged or given back
    /// before, or its queue was lost.
    @discardableResult
    public func acknowledge() -> Bool {
        let isDone = self.finish()
        if isDone { self.consumer.trace?.ended(self.handling, .success) }
        return isDone
    }

    private func finish() -> Bool {
        self.consumer.loop.acknowledge(self.message.inbound.queueOffset, of: self.assignment)
    }

    /// Short for `acknowledge`.
    public func ack() { self.acknowledge() }

    /// The message is given out again, by this consumer, after `delay`.
    @discardableResult
    public func retry(after delay: Duration) -> Bool {
        self.retry(.local(after: delay))
    }

    /// The message could not be worked off. It is handled again as the policy says, or becomes one
    /// of the group's dead letters if that was its last attempt.
    ///
    /// The message counts as done with once its broker has it. If no broker takes it, this
    /// consumer gives it out again after 5 seconds.
    ///
    /// - Parameters:
    ///   - policy: the consumer's own (`PushConsumer.Options.retry`) if nil.
    ///   - reason: why it failed; kept with a dead letter, up to 1,024 bytes of it.
    /// - Returns: false, without effect, if the message was acknowledged or given back before, or
    ///   its queue was lost.
    @discardableResult
    public func retry(_ policy: RetryPolicy? = nil, because reason: String = "") -> Bool {
        let isDone =
            switch policy ?? self.consumer.options.retry {
            case .local(let delay): self.giveBack(after: delay)
            case .growing: self.sendBack(level: 0, reason)
            case .level(let level): self.sendBack(level: min(max(level, 1), 18), reason)
            }
        if isDone { self.consumer.trace?.ended(self.handling, .failed) }
        return isDone
    }

    /// The message is hopeless: it becomes one of the group's dead letters now.
    @discardableResult
    public func deadLetter(because reason: String = "") -> Bool {
        let isDone = self.sendBack(level: -1, reason)
        if isDone { self.consumer.trace?.ended(self.handling, .failed) }
        return isDone
    }

    private func giveBack(after delay: Duration) -> Bool {
        self.consumer.loop.giveBack(
            self.message.inbound.queueOffset, of: self.assignment, after: delay)
    }

    private func sendBack(level: Int, _ reason: String) -> Bool {
        if self.consumer.options.model == .broadcasting {
            return self.keepOrDrop(isDead: level < 0, reason)
        }
        let choice = RetryRequests.Choice(level: Int32(level), reason: reason)
        return self.consumer.loop.sendBack(
            self.message.inbound.queueOffset, of: self.assignment, choice)
    }

    /// Nobody but this consumer would handle it again.
    private func keepOrDrop(isDead: Bool, _ reason: String) -> Bool {
        let attemptsMax = self.consumer.options.attemptsMax ?? 17
        guard isDead || self.deliveryCount >= attemptsMax else {
            return self.giveBack(after: RetryPolicy.localPause(afterFailures: self.deliveryCount))
        }
        self.consumer.logger.warning(
            "a message is dropped: its handling failed and the consumer is a broadcasting one",
            metadata: [
                "message": "\(self.message.messageID)", "attempts": "\(self.deliveryCount)",
                "error": "\(reason)",
            ])
        return self.finish()
    }
}
