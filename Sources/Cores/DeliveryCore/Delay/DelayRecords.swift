package import MessageFormat

/// Kinds of records about delayed messages, as they stand in the log. Numbers are never given a new
/// meaning. A key is a time (8 bytes, ms since 1970) and an offset (8).
package enum DelayRecordKind: UInt16, Hashable, Sendable, CaseIterable {
    /// All but what is recalled, which follows: cursor (key), rolled through (8), nothing pending
    /// before (8), pending messages (8). It replaces what was there.
    case state = 10
    /// Everything up to a key has fired: the key, number of pending messages that it passes (4).
    case fired = 11
    /// The key of a message that was taken back.
    case recalled = 12
    /// Part of a snapshot: keys of recalled messages.
    case recalledList = 13
    /// Everything up to an offset was put again: the offset (8), number of messages (4).
    case rolled = 14
}

/// Makes the payloads of `DelayRecordKind`.
enum DelayRecords {
    private static let keysPerRecord = 15_000

    static func fired(through key: DelayKey, count: Int) -> StateRecord {
        Self.record(.fired) {
            $0.put(key)
            $0.put(UInt32(clamping: count))
        }
    }

    static func recalled(_ key: DelayKey) -> StateRecord {
        Self.record(.recalled) { $0.put(key) }
    }

    static func rolled(through offset: QueueOffset, count: Int) -> StateRecord {
        Self.record(.rolled) {
            $0.put(offset.value)
            $0.put(UInt32(clamping: count))
        }
    }

    static func snapshot(of schedule: DelaySchedule) -> [StateRecord] {
        let state = Self.record(.state) {
            $0.put(schedule.cursor)
            $0.put(schedule.rolledThrough.value)
            $0.put(schedule.stretches.floor.value)
            $0.put(schedule.pendingCount)
        }
        let recalled = schedule.recalled.all
        let starts = stride(from: 0, to: recalled.count, by: Self.keysPerRecord)
        return [state]
            + starts.map { start in
                Self.record(.recalledList) {
                    for key in recalled[start...].prefix(Self.keysPerRecord) { $0.put(key) }
                }
            }
    }

    private static func record(
        _ kind: DelayRecordKind, _ write: (inout StateWriter) -> Void
    ) -> StateRecord {
        var writer = StateWriter()
        write(&writer)
        return StateRecord(kind: kind.rawValue, payload: writer.bytes)
    }
}

extension DelaySchedule {
    /// The whole state; what is in memory besides follows from the queue's index.
    package func snapshotRecords() -> [StateRecord] { DelayRecords.snapshot(of: self) }

    /// Applies a record of the log. False: the kind is somebody else's.
    ///
    /// A record that cannot be read changes nothing.
    package mutating func apply(
        kind: UInt16, payload: UnsafeRawBufferPointer
    ) throws(StateRecordError) -> Bool {
        guard let kind = DelayRecordKind(rawValue: kind) else { return false }
        var reader = try StateReader(payload)
        switch kind {
        case .state: try self.applyState(&reader)
        case .fired:
            let key = try reader.delayKey()
            let count = Int(try reader.integer(UInt32.self))
            try reader.finish()
            self.passed(key, count: count)
        case .recalled:
            let key = try reader.delayKey()
            try reader.finish()
            self.recall(key)
        case .recalledList: try self.applyRecalled(&reader)
        case .rolled:
            let through = try reader.queueOffset("rolled offset", least: 0)
            let count = Int(try reader.integer(UInt32.self))
            try reader.finish()
            self.rolled(through: through, count: count)
        }
        return true
    }

    private mutating func applyState(_ reader: inout StateReader) throws(StateRecordError) {
        let cursor = try reader.delayKey()
        let rolledThrough = try reader.queueOffset("rolled offset", least: -1)
        let floor = try reader.queueOffset("floor", least: 0)
        let count = try reader.integer(Int64.self)
        try reader.finish()
        guard count >= 0, count < Int64(1) << 60 else { throw .illegalValue(field: "pending") }
        self.recalled = RecalledDelays()
        self.passed(cursor, count: 0)
        self.rolled(through: rolledThrough, count: 0)
        self.stretches.raiseFloor(to: floor)
        self.pendingCount = count
    }

    private mutating func applyRecalled(_ reader: inout StateReader) throws(StateRecordError) {
        var keys: [DelayKey] = []
        while !reader.isAtEnd { keys.append(try reader.delayKey()) }
        for key in keys where self.isPending(key) { _ = self.recalled.insert(key) }
    }
}

extension StateWriter {
    fileprivate mutating func put(_ key: DelayKey) {
        self.put(key.due.milliseconds)
        self.put(key.offset.value)
    }
}

extension StateReader {
    fileprivate mutating func delayKey() throws(StateRecordError) -> DelayKey {
        let due = Timestamp(milliseconds: try self.integer(Int64.self))
        return DelayKey(due: due, offset: try self.queueOffset("delayed offset", least: -1))
    }

    fileprivate mutating func queueOffset(
        _ field: String, least: Int64
    ) throws(StateRecordError) -> QueueOffset {
        let value = try self.integer(Int64.self)
        guard value >= least, value < Int64(1) << 60 else { throw .illegalValue(field: field) }
        return QueueOffset(value)
    }
}
