package import MessageFormat

/// The marks of all queues of dead letters. In the log: that a letter was sent again stands in the
/// batch of the message that it became, so that no letter is sent again twice.
package struct DeadLetterTable: Sendable {
    private var queues: [QueueKey: DeadLetterMarks] = [:]

    package init() {}

    package func marks(of queue: QueueKey) -> DeadLetterMarks {
        self.queues[queue] ?? DeadLetterMarks()
    }

    package mutating func removeTopic(_ topic: String) {
        for queue in self.queues.keys.filter({ $0.topic == topic }) { self.queues[queue] = nil }
    }

    package func checkInvariants() {
        for marks in self.queues.values {
            precondition(marks.replayed.allSatisfy { !$0.isEmpty && $0.lowerBound >= marks.floor })
            precondition(
                zip(marks.replayed, marks.replayed.dropFirst())
                    .allSatisfy { $0.upperBound < $1.lowerBound }, "stretches do not touch")
        }
    }
}

/// Kinds of records about dead letters, as they stand in the log. All begin with the queue: topic
/// (text) and id (4).
package enum DeadLetterRecordKind: UInt16, Hashable, Sendable, CaseIterable {
    /// First offset that there is (8), offset of the letter (8), time (8).
    case replayed = 60
    /// Offset below which all are purged (8), time (8).
    case purged = 61
    /// All about the queue: floor (8), number ever sent again (8), when last (8), when purged (8;
    /// both -1: never), number of stretches (4), then first offset (8) and end (8) of each.
    case marks = 62
}

// Records. To apply one twice does no harm.
extension DeadLetterTable {
    private static let never = Int64(-1)

    /// Apply it when the message that the letter has become is in the log.
    ///
    /// - Parameter first: the first offset that the queue still has; older marks are forgotten.
    package static func recordOfReplay(
        of offset: QueueOffset, in queue: QueueKey, from first: QueueOffset, at time: Timestamp
    ) -> StateRecord {
        Self.record(.replayed, queue) { writer in
            writer.put(first.value)
            writer.put(offset.value)
            writer.put(time.milliseconds)
        }
    }

    package static func recordOfPurge(
        of queue: QueueKey, below floor: QueueOffset, at time: Timestamp
    ) -> StateRecord {
        Self.record(.purged, queue) { writer in
            writer.put(floor.value)
            writer.put(time.milliseconds)
        }
    }

    package func snapshotRecords() -> [StateRecord] {
        self.queues.sorted { $0.key < $1.key }
            .map { queue, marks in
                Self.record(.marks, queue) { writer in
                    writer.put(marks.floor.value)
                    writer.put(marks.replayedCount)
                    writer.put(marks.replayedAt?.milliseconds ?? Self.never)
                    writer.put(marks.purgedAt?.milliseconds ?? Self.never)
                    writer.put(UInt32(marks.replayed.count))
                    for stretch in marks.replayed {
                        writer.put(stretch.lowerBound.value)
                        writer.put(stretch.upperBound.value)
                    }
                }
            }
    }

    private static func record(
        _ kind: DeadLetterRecordKind, _ queue: QueueKey, _ write: (inout StateWriter) -> Void
    ) -> StateRecord {
        var writer = StateWriter()
        writer.put(queue.topic)
        writer.put(queue.queueID)
        write(&writer)
        return StateRecord(kind: kind.rawValue, payload: writer.bytes)
    }

    /// Applies a record of the log. False: the kind is somebody else's.
    package mutating func apply(
        kind: UInt16, payload: UnsafeRawBufferPointer
    ) throws(StateRecordError) -> Bool {
        guard let kind = DeadLetterRecordKind(rawValue: kind) else { return false }
        var reader = try StateReader(payload)
        let queue = QueueKey(
            topic: try reader.text("topic"), queueID: try reader.integer(Int32.self))
        var marks = self.marks(of: queue)
        switch kind {
        case .replayed:
            let first = try reader.offset("first offset")
            let offset = try reader.offset("offset")
            marks.raise(to: first)
            marks.replay(offset, at: Timestamp(milliseconds: try reader.integer(Int64.self)))
        case .purged:
            let floor = try reader.offset("floor")
            marks.purge(
                below: floor, at: Timestamp(milliseconds: try reader.integer(Int64.self)))
        case .marks: marks = try reader.marks(never: Self.never)
        }
        try reader.finish()
        self.queues[queue] = marks
        return true
    }
}

extension StateReader {
    fileprivate mutating func offset(_ field: String) throws(StateRecordError) -> QueueOffset {
        let offset = try self.integer(Int64.self)
        guard offset >= 0, offset < .max else { throw .illegalValue(field: field) }
        return QueueOffset(offset)
    }

    fileprivate mutating func time(never: Int64) throws(StateRecordError) -> Timestamp? {
        let time = try self.integer(Int64.self)
        return time == never ? nil : Timestamp(milliseconds: time)
    }

    fileprivate mutating func marks(never: Int64) throws(StateRecordError) -> DeadLetterMarks {
        let floor = try self.offset("floor")
        let count = try self.integer(Int64.self)
        let replayedAt = try self.time(never: never)
        let purgedAt = try self.time(never: never)
        var stretches: [Range<QueueOffset>] = []
        for _ in 0..<(try self.integer(UInt32.self)) {
            let (start, end) = (try self.offset("stretch"), try self.offset("stretch"))
            guard start < end else { throw .illegalValue(field: "stretch") }
            stretches.append(start..<end)
        }
        guard
            let marks = DeadLetterMarks(
                floor: floor, replayed: stretches, replayedCount: count, replayedAt: replayedAt,
                purgedAt: purgedAt)
        else { throw .illegalValue(field: "marks") }
        return marks
    }
}
