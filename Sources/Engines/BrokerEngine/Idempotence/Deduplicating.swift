import DeliveryCore
import LogCore
import MessageFormat
import RemotingProtocol

/// A send of what is stored already.
struct RepeatedSend: Sendable {
    var caller: Caller
    /// One for each message of a batch.
    var places: [StoredPlace]
    var topic: String
    var queueID: Int32
    var uniqueKey: String?
}

// A producer that numbers its messages may send one again: it is stored once, and the answer is the
// first one's.
extension BrokerEngine {
    func stamp(of request: SendRequest) throws -> IdempotentStamp? {
        try request.properties.withUnsafeBytes {
            try Self.stamp(of: $0, sentTo: request.queueID)
        }
    }

    /// The numbers of a message that is sent to `queueID`. Nil: it promises nothing.
    static func stamp(
        of properties: UnsafeRawBufferPointer, sentTo queueID: Int32
    ) throws -> IdempotentStamp? {
        switch IdempotentStamp.read(properties) {
        case .none: return nil
        case .illegal(let problem): throw Refusal(.messageIllegal, problem)
        case .stamp(let stamp):
            guard queueID >= 0 else {
                throw Refusal(
                    .messageIllegal, "a producer that numbers its messages chooses their queues")
            }
            return stamp
        }
    }

    /// Where the messages lie, if they are stored. Nil: they are new.
    mutating func storedPlaces(
        of stamps: [IdempotentStamp], on queue: QueueKey
    ) throws -> [StoredPlace]? {
        switch self.delivery.idempotence.decide(stamps, on: queue, at: self.now.tick) {
        case .new: return nil
        case .duplicate(let places): return places
        case .refused(let refusal):
            throw Refusal(ResponseCode(rawValue: refusal.responseCode), "\(refusal)")
        }
    }

    /// Answers as the messages' first sending was answered, or would have been.
    mutating func answerAgain(_ send: RepeatedSend, mayBeDelayed: Bool = false) {
        guard mayBeDelayed, let first = send.places.first else {
            return self.answerAgain(send, recallHandle: nil)
        }
        // When it is due, only the stored message tells.
        self.effects.append(
            .readMessage(self.reads.add(.answerAgain(send)), at: first.position))
    }

    /// The message has been read, or could not be: then it cannot be recalled.
    mutating func answerAgain(_ send: RepeatedSend, _ bytes: [UInt8]) {
        let due = bytes.withUnsafeBytes { bytes -> Timestamp? in
            guard let message = try? StoredMessageView(bytes), message.topic == DelayParking.topic
            else { return nil }
            return DelayParking.due(of: message.propertiesBytes)
        }
        self.answerAgain(
            send,
            recallHandle: due.map { self.recallHandle(send.topic, due: $0, key: send.uniqueKey) })
    }

    /// What was found may not be confirmed yet.
    private mutating func answerAgain(_ send: RepeatedSend, recallHandle: String?) {
        guard let first = send.places.first else { return }
        self.answerWhenConfirmed(
            send.caller,
            first: Appended(
                position: first.position, queueOffset: first.offset, end: self.log.end),
            messageIDs: .several(
                send.places.map { self.messageID($0.position) }.joined(separator: ",")),
            queueID: send.queueID, uniqueKey: send.uniqueKey, recallHandle: recallHandle)
        self.releaseAnswers()
    }

    /// A batch with numbers is stored whole or not at all.
    mutating func keepTogether(_ members: [MessageBatch.Member], topic: String) throws {
        // Hosts with IPv6, and the properties that a broker adds.
        let extra = MessageLayout.bytesMin + 32 + topic.utf8.count + self.addedBytesMax
        let size = members.reduce(0) { $0 + $1.body.count + $1.properties.count + extra }
        let sizeMax = min(LogBatchHeader.lengthMax, self.settings.log.segmentBytes / 2) / 2
        guard size <= sizeMax else {
            throw Refusal(
                .messageIllegal,
                "a batch with numbers takes \(size) bytes of the log, at most \(sizeMax) are "
                    + "allowed")
        }
        self.keepTogether(size)
    }

    /// A message with numbers is in the log.
    mutating func stored(
        _ stamp: IdempotentStamp, _ draft: MessageDraft, _ appended: Appended,
        _ properties: UnsafeRawBufferPointer
    ) {
        let queue = IdempotentStamp.queue(
            storedIn: draft.topic, queueID: draft.queueID,
            properties: MessageProperties(parsing: properties))
        self.delivery.idempotence.stored(
            stamp, on: queue,
            at: StoredPlace(offset: appended.queueOffset, position: appended.position),
            now: self.now.tick)
    }

    /// Producers that were silent for long are forgotten, here and on the replicas.
    mutating func forgetSilentProducers() {
        guard self.mayServe, self.mayGather else { return }
        for record in self.delivery.idempotence.advance(to: self.now.tick) {
            _ = self.append(record)
        }
    }
}
