package import MessageFormat

/// How far each queue had come when a segment began: records of the segment's first batch.
///
/// Payload: count (4), then per queue: topic length (2), topic, queue id (4), floor (8), next
/// offset (8). Big-endian.
package enum QueueSnapshot {
    package static let recordKind: UInt16 = 100
    /// No queue comes this far; what says so is damage, or a lie.
    package static let offsetMax = Int64(1) << 60
    private static let queuesPerRecord = 4_096

    package enum DecodingError: Error, Hashable {
        case truncated(at: Int, bytes: Int)
        case negative(Int64)
        case absurd(Int64)
    }

    package static func records(of table: QueueTable) -> [StateRecord] {
        Self.records(of: table.all)
    }

    static func records(of queues: [ConsumeQueue]) -> [StateRecord] {
        stride(from: 0, to: queues.count, by: Self.queuesPerRecord).map { start in
            let chunk = queues[start..<min(start + Self.queuesPerRecord, queues.count)]
            var payload: [UInt8] = []
            payload.append(bigEndian: UInt32(chunk.count))
            for queue in chunk {
                payload.append(bigEndian: UInt16(queue.key.topic.utf8.count))
                payload.append(contentsOf: queue.key.topic.utf8)
                payload.append(bigEndian: queue.key.queueID)
                payload.append(bigEndian: queue.floor.value)
                payload.append(bigEndian: queue.assignedEnd.value)
            }
            return StateRecord(kind: Self.recordKind, payload: payload)
        }
    }

    package static func apply(
        _ payload: UnsafeRawBufferPointer, to table: inout QueueTable
    ) throws(DecodingError) {
        var at = 0
        func take(_ count: Int) throws(DecodingError) -> Int {
            guard at + count <= payload.count else {
                throw .truncated(at: at, bytes: payload.count)
            }
            defer { at += count }
            return at
        }
        let queues = payload.bigEndian(UInt32.self, at: try take(4))
        for _ in 0..<queues {
            let topicCount = Int(payload.bigEndian(UInt16.self, at: try take(2)))
            let topicAt = try take(topicCount)
            let topic = String(
                decoding: payload[topicAt..<(topicAt + topicCount)], as: UTF8.self)
            let queueID = payload.bigEndian(Int32.self, at: try take(4))
            let floor = payload.bigEndian(Int64.self, at: try take(8))
            let next = payload.bigEndian(Int64.self, at: try take(8))
            guard floor >= 0, next >= 0 else { throw .negative(min(floor, next)) }
            guard max(floor, next) < Self.offsetMax else { throw .absurd(max(floor, next)) }
            let number = table.findOrMake(QueueKey(topic: topic, queueID: queueID))
            table[number].restore(floor: QueueOffset(floor), next: QueueOffset(next))
        }
    }
}
