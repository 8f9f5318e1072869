import ClientCore
import ClientEngine

/// A message that a `SimpleConsumer` received and that is hidden from the group's other consumers
/// for a while.
public struct HiddenMessage: Sendable {
    /// What came.
    public let message: ReceivedMessage
    /// Names this delivery; it changes when the invisible time does.
    public var handle: String { self.ticket.text }
    let ticket: PopTicket

    init(_ message: ReceivedMessage, _ ticket: PopTicket) {
        self.message = message
        self.ticket = ticket
    }

    init(_ popped: PoppedMessage, in namespace: Namespace) {
        self.init(ReceivedMessage(popped.message, in: namespace), popped.ticket)
    }
}
