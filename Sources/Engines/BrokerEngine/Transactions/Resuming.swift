import DeliveryCore
import LogCore
import MessageFormat
import RemotingProtocol

// RESUME_CHECK_HALF_MESSAGE: an operator wants a message that was given up to be asked about again.
extension BrokerEngine {
    mutating func resumeCheck(_ command: ReceivedCommand, from caller: Caller) throws {
        try self.admit()
        let text = try command.requiredString("msgId")
        guard let id = OffsetMessageID(text), id.physicalOffset >= .zero,
            id.physicalOffset < self.progress.confirmed
        else { throw Refusal(.systemError, "no message has the id \(text)") }
        self.read(.resume(caller), at: id.physicalOffset)
    }

    /// The message has been read: it is a half message again, with no questions asked yet.
    mutating func resume(_ message: StoredMessageView, for caller: Caller) {
        do {
            guard message.topic == SystemTopic.transactionGivenUp else {
                throw Refusal(.systemError, "only what was given up can be resumed")
            }
            try self.admit()
            let properties = message.properties
            try self.checkPrepared(properties)
            let queue = QueueKey(topic: SystemTopic.half, queueID: 0)
            let draft = MessageDraft(
                copying: message, to: queue, storeHost: self.settings.storeHost)
            _ = try self.place(draft, body: message.body, properties: properties)
            self.succeedWhenConfirmed(caller)
        } catch {
            self.refuse(caller, error as? Refusal ?? Refusal(.systemError, "\(error)"))
        }
    }
}
