import DeliveryCore
import LogCore
import MessageFormat
import RemotingProtocol

// A message gets its queue offset and its place in the batch.
extension BrokerEngine {
    /// Puts a message into the log.
    ///
    /// `records` say what happens by that, such as that a delayed message has been delivered: they
    /// share the message's batch, so that both survive or neither. Apply them to the state after
    /// this call, not before: a segment that begins here opens with the state as it was.
    ///
    /// `stamp` is what a producer sent with it. Whatever is put here without one is a copy that the
    /// broker makes, and loses the stamp.
    mutating func place(
        _ draft: MessageDraft, body: UnsafeRawBufferPointer, properties: UnsafeRawBufferPointer,
        stamp: IdempotentStamp? = nil, with records: [StateRecord] = []
    ) throws -> Appended {
        let keys = MessageKeys(properties)
        if keys.isStamped, stamp == nil {
            return try IdempotentStamp.withoutPromise(properties).withUnsafeBytes {
                try self.place(draft, body: body, properties: $0, with: records)
            }
        }
        let number = try self.queueNumber(QueueKey(topic: draft.topic, queueID: draft.queueID))
        let size = draft.encodedCount(bodyCount: body.count, propertiesCount: properties.count)
        let together = records.reduce(size) { $0 + StateRecord.headerCount + $1.payload.count }
        self.makeRoom(for: together)
        if !records.isEmpty { self.log.keepTogether(together) }
        let stored = self.log.storeTimestamp(at: self.now.wall)
        let offset = self.queues[number].assign()
        self.counters.put(bytes: size, on: number, of: draft.topic)
        var topic = draft.topic
        let hash = topic.withUTF8 {
            keys.filingHash(topic: UnsafeRawBufferPointer($0), storeTimestamp: stored)
        }
        var appended = self.log.append(
            draft, body: body, properties: properties, to: number, at: offset, tagHash: hash,
            keys: keys.hashes(topic: draft.topic), now: self.now.wall)
        if draft.topic == DelayParking.topic {
            self.parked(tagHash: hash, storedAt: stored, at: offset)
        }
        if draft.topic == SystemTopic.half {
            self.prepared(appended, size: size, storedAt: stored, properties)
        }
        if let stamp { self.stored(stamp, draft, appended, properties) }
        for record in records { appended.end = self.log.append(record, now: self.now.wall) }
        return appended
    }

    /// The same for a message whose properties were built, not received.
    mutating func place(
        _ draft: MessageDraft, body: UnsafeRawBufferPointer, properties: MessageProperties,
        stamp: IdempotentStamp? = nil, with records: [StateRecord] = []
    ) throws -> Appended {
        var encoded = properties.encoded
        return try encoded.withUTF8 { bytes in
            guard bytes.count <= MessageLayout.propertiesBytesMax else {
                throw Refusal(
                    .messageIllegal,
                    "the message's properties have \(bytes.count) bytes, at most "
                        + "\(MessageLayout.propertiesBytesMax) are allowed")
            }
            return try self.place(
                draft, body: body, properties: UnsafeRawBufferPointer(bytes), stamp: stamp,
                with: records)
        }
    }
}

extension MessageDraft {
    /// A message that is put into the log again, elsewhere: who made it and when stays.
    init(copying message: StoredMessageView, to queue: QueueKey, storeHost: HostAddress) {
        self.init(
            topic: queue.topic, queueID: queue.queueID, flag: message.flag,
            systemFlag: message.systemFlag, bornTimestamp: message.bornTimestamp,
            bornHost: message.bornHost, storeHost: storeHost,
            reconsumeTimes: message.reconsumeTimes)
    }
}
