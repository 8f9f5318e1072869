import DeliveryCore
import LogCore
import MessageFormat
import RemotingProtocol

// A transactional message waits, invisible, in the half topic (`flows.md` §11).
extension BrokerEngine {
    /// Stores the half message. Its properties are in `scratch`; `queue` is where it will go.
    mutating func placeHalf(
        _ draft: MessageDraft, _ body: UnsafeRawBufferPointer, by producerGroup: String,
        _ stamp: IdempotentStamp?
    ) throws -> Appended {
        let sent = self.scratch.withUnsafeBytes { MessageProperties(parsing: $0) }
        let properties = HalfProperties.prepared(
            sent, for: QueueKey(topic: draft.topic, queueID: draft.queueID), by: producerGroup)
        try self.checkPrepared(properties)
        var half = draft
        half.topic = SystemTopic.half
        half.queueID = 0
        // Without them it is filed like any other message.
        half.systemFlag.subtract(.transactionRollback)
        return try self.place(half, body: body, properties: properties, stamp: stamp)
    }

    /// What could not be committed is not prepared.
    func checkPrepared(_ properties: MessageProperties) throws {
        do {
            try self.delivery.transactions.admit(
                producerGroup: properties[PropertyName.producerGroup] ?? "")
        } catch .illegalGroup(let bytes) {
            throw Refusal(.messageIllegal, "\(OpenRefusal.illegalGroup(bytes: bytes))")
        } catch {
            throw Refusal(.systemBusy, "\(error)")
        }
        _ = try self.dueTime(of: DelayRequest(properties))
        let bytes = properties.encoded.utf8.count + HalfProperties.growthMax
        try self.check(body: 0, properties: bytes)
    }

    /// A half message is in the log.
    mutating func prepared(
        _ appended: Appended, size: Int, storedAt stored: Timestamp,
        _ properties: UnsafeRawBufferPointer
    ) {
        let properties = MessageProperties(parsing: properties)
        let half = HalfMessage(
            offset: appended.queueOffset, position: appended.position, size: size,
            producerGroup: properties[PropertyName.producerGroup] ?? "", stored: stored,
            immunitySeconds: HalfMessage.immunity(properties[PropertyName.checkImmunitySeconds]))
        self.delivery.transactions.opened(half, at: self.now.tick)
    }
}
