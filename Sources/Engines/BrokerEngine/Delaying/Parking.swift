import DeliveryCore
import LogCore
import MessageFormat
import RemotingProtocol

// A message that is to be delivered later waits in the timer topic.
extension BrokerEngine {
    /// Puts a message where it belongs: into its queue, or, until its time has come, into the timer
    /// topic. Returns when it is due, if it waits.
    ///
    /// `properties` say by what it is delayed; relative delays run from now.
    mutating func placeOrPark(
        _ draft: MessageDraft, body: UnsafeRawBufferPointer, properties: MessageProperties,
        stamp: IdempotentStamp? = nil, with records: [StateRecord] = []
    ) throws -> (appended: Appended, due: Timestamp?) {
        guard let due = try self.dueTime(of: DelayRequest(properties)) else {
            let appended = try self.place(
                draft, body: body, properties: properties, stamp: stamp, with: records)
            return (appended, nil)
        }
        let parked = DelayParking.properties(
            properties, topic: draft.topic, queueID: draft.queueID, due: due)
        var draft = draft
        draft.topic = DelayParking.queue.topic
        draft.queueID = DelayParking.queue.queueID
        let appended = try self.place(
            draft, body: body, properties: parked, stamp: stamp, with: records)
        self.counters.parked()
        return (appended, due)
    }

    /// When a message that asks for a delay is to be delivered. Nil: now.
    func dueTime(of request: DelayRequest) throws -> Timestamp? {
        do {
            switch try request.resolve(self.settings.delivery.delays, at: self.now.wall) {
            case .none: return nil
            case .cancel: throw Refusal(.messageIllegal, "a delayed message is recalled by RECALL")
            case .deliver(let due): return try self.accepted(due)
            }
        } catch let refusal as DelayRefusal {
            throw Refusal(
                refusal.isIllegalMessage ? .messageIllegal : .systemError, refusal.description)
        }
    }

    private func accepted(_ due: Timestamp) throws -> Timestamp? {
        switch self.delivery.delays.accept(due: due, now: self.now.wall) {
        case .deliverNow: return nil
        case .park(let due): return due
        case .refused(let refusal): throw refusal
        }
    }

    /// A message of the timer topic is in the log.
    mutating func parked(tagHash: Int32, storedAt stored: Timestamp, at offset: QueueOffset) {
        self.delivery.delays.appended(
            due: DelayField.due(tagHash: tagHash, storedAt: stored), at: offset)
    }
}
