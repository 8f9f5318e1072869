import ClientEngine

/// A message in the hands of a consumer's user.
///
/// Until it is acknowledged the group's offset does not move past it: if this consumer dies or
/// loses the queue, the message goes to another one.
public struct Delivery: Sendable {
    public let message: ReceivedMessage
    /// How often this consumer has given the message out, this time included.
    public let deliveryCount: Int
    private let assignment: AssignmentID
    private let loop: ConsumerLoop

    init(_ delivery: ConsumerEngine.Delivery, _ loop: ConsumerLoop) {
        self.message = ReceivedMessage(delivery.message)
        self.deliveryCount = delivery.deliveries
        self.assignment = delivery.assignment
        self.loop = loop
    }

    /// Whether the message's queue is still this consumer's. If not, another consumer has got the
    /// message too, or will get it.
    public var isAssigned: Bool { self.loop.isCurrent(self.assignment) }

    /// The message is done with. Without effect, and false, if it was acknowledged or given back
    /// before, or its queue was lost.
    @discardableResult
    public func acknowledge() -> Bool {
        self.loop.acknowledge(self.message.inbound.queueOffset, of: self.assignment)
    }

    /// Short for `acknowledge`.
    public func ack() { self.acknowledge() }

    /// The message is given out again, by this consumer, after `delay`.
    @discardableResult
    public func retry(after delay: Duration) -> Bool {
        self.loop.giveBack(
            self.message.inbound.queueOffset, of: self.assignment, after: delay)
    }
}
