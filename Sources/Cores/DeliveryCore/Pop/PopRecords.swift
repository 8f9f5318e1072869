internal import MessageFormat

/// Kinds of records, as they stand in the log. Numbers are never given a new meaning.
///
/// Every payload starts with a version byte, 1. A key is group, topic, queue id (4). A piece is
/// window (8), bits (8), pop time (8), visible time (8), pop time of the handle before (8). Lists
/// end with the payload. Applying a record again that is contained already changes nothing.
package enum PopRecordKind: UInt16, Hashable, Sendable, CaseIterable {
    /// Key, position behind the pop (8), pieces.
    case taken = 40
    /// For each queue: key, count (4), for each: window (8), bits (8), pop time (8).
    case acknowledged = 41
    /// For each queue: key, count (4), pieces: they are in flight as said now.
    case inFlight = 42
    /// As `acknowledged`: these returned, or had nothing left to return.
    case returned = 43
    /// For each queue: key, flags (1; bit 0: nothing is in flight any more), position (8).
    case positions = 44
    /// Group, topic; an empty one stands for every one. Not both are empty.
    case removed = 45
    /// Key, position (8), pop time (8), attempt, count (4), for each: offset (8), visible time (8),
    /// deliveries before (4), acknowledged (1). Without messages the queue is free.
    case order = 46
    /// For each: group, topic, mode (1; 0 pull, 1 pop, 2 none chosen), share number (4).
    case requestModes = 47
}

/// Bits of one window that leave the flight of one pop.
struct PopLeave: Hashable, Comparable, Sendable {
    var window: Int64
    var popTime: Int64
    var bits: UInt64

    static func < (left: Self, right: Self) -> Bool {
        (left.window, left.popTime, left.bits) < (right.window, right.popTime, right.bits)
    }
}

/// Gathers items into records none of which is longer than `DeliveryRecords.bytesMax`.
struct PopRecordList {
    private let kind: PopRecordKind
    private var writer = StateWriter()
    private var isEmpty = true
    private var finished: [StateRecord] = []

    init(_ kind: PopRecordKind) { self.kind = kind }

    /// One part is never cut, so it has to be small.
    mutating func append(_ write: (inout StateWriter) -> Void) {
        var part = StateWriter(part: ())
        write(&part)
        if !self.isEmpty, self.writer.bytes.count + part.bytes.count > DeliveryRecords.bytesMax {
            self.close()
        }
        self.writer.put(part: part)
        self.isEmpty = false
    }

    mutating func finish() -> [StateRecord] {
        if !self.isEmpty { self.close() }
        return self.finished
    }

    private mutating func close() {
        self.finished.append(StateRecord(kind: self.kind.rawValue, payload: self.writer.bytes))
        self.writer = StateWriter()
        self.isEmpty = true
    }
}

enum PopRecords {
    /// Pieces in one list, so that a list fits a record.
    static let listMax = 4_096

    /// `pieces` are those of one pop, at most `listMax`.
    static func taken(
        _ key: PopKey, next: Int64, _ pieces: [(window: Int64, piece: PopPiece)]
    ) -> StateRecord {
        var writer = StateWriter()
        writer.put(key)
        writer.put(next)
        for (window, piece) in pieces { writer.put(piece, in: window) }
        return StateRecord(kind: PopRecordKind.taken.rawValue, payload: writer.bytes)
    }

    static func inFlight(
        _ key: PopKey, _ pieces: [(window: Int64, piece: PopPiece)], to records: inout PopRecordList
    ) {
        for list in Self.lists(pieces) {
            records.append { writer in
                writer.put(key)
                writer.put(UInt32(list.count))
                for (window, piece) in list { writer.put(piece, in: window) }
            }
        }
    }

    static func leave(_ key: PopKey, _ leaves: [PopLeave], to records: inout PopRecordList) {
        for list in Self.lists(leaves) {
            records.append { writer in
                writer.put(key)
                writer.put(UInt32(list.count))
                for leave in list {
                    writer.put(leave.window)
                    writer.put(leave.bits)
                    writer.put(leave.popTime)
                }
            }
        }
    }

    static func position(
        _ key: PopKey, _ next: Int64, isReset: Bool = false, to records: inout PopRecordList
    ) {
        records.append { writer in
            writer.put(key)
            writer.put(isReset)
            writer.put(next)
        }
    }

    static func order(_ key: PopKey, next: Int64, _ batch: PopOrderBatch?) -> StateRecord {
        var writer = StateWriter()
        writer.put(key)
        writer.put(next)
        writer.put(batch?.popTime ?? 0)
        writer.put(batch?.attemptID ?? "")
        writer.put(UInt32(batch?.items.count ?? 0))
        for item in batch?.items ?? [] {
            writer.put(item.offset)
            writer.put(item.visibleAt)
            writer.put(item.deliveredBefore)
            writer.put(item.isAcknowledged)
        }
        return StateRecord(kind: PopRecordKind.order.rawValue, payload: writer.bytes)
    }

    static func removed(group: String, topic: String) -> StateRecord {
        precondition(!group.isEmpty || !topic.isEmpty, "a removal names a group or a topic")
        var writer = StateWriter()
        writer.put(group)
        writer.put(topic)
        return StateRecord(kind: PopRecordKind.removed.rawValue, payload: writer.bytes)
    }

    private static func lists<Item>(_ items: [Item]) -> [ArraySlice<Item>] {
        stride(from: 0, to: items.count, by: Self.listMax).map {
            items[$0..<min($0 + Self.listMax, items.count)]
        }
    }
}

extension StateWriter {
    fileprivate mutating func put(_ key: PopKey) {
        self.put(key.group)
        self.put(key.topic)
        self.put(key.queueID)
    }

    fileprivate mutating func put(_ piece: PopPiece, in window: Int64) {
        self.put(window)
        self.put(piece.bits)
        self.put(piece.popTime)
        self.put(piece.visibleAt)
        self.put(piece.changedFrom)
    }
}

extension StateReader {
    mutating func popKey() throws(StateRecordError) -> PopKey {
        let group = try self.text("group")
        let topic = try self.text("topic")
        guard ResourceName.problem(withGroup: group) == nil else {
            throw .illegalValue(field: "group")
        }
        guard ResourceName.problem(withTopic: topic) == nil else {
            throw .illegalValue(field: "topic")
        }
        let queueID = try self.integer(Int32.self)
        guard queueID >= 0 else { throw .illegalValue(field: "queue id") }
        return PopKey(group: group, topic: topic, queueID: queueID)
    }

    mutating func popTime(_ field: String) throws(StateRecordError) -> Int64 {
        try self.number(field, max: PopClock.timeMax * 2)
    }

    mutating func popOffset(_ field: String) throws(StateRecordError) -> Int64 {
        try self.number(field, max: PopFlight.offsetMax)
    }

    mutating func popPiece() throws(StateRecordError) -> (window: Int64, piece: PopPiece) {
        let window = try self.number("window", max: PopFlight.window(of: PopFlight.offsetMax))
        let bits = try self.integer(UInt64.self)
        guard bits != 0 else { throw .illegalValue(field: "bits") }
        let popTime = try self.popTime("pop time")
        let visibleAt = try self.popTime("visible time")
        let changedFrom = try self.popTime("earlier pop time")
        return (
            window,
            PopPiece(
                bits: bits, popTime: popTime, visibleAt: visibleAt, changedFrom: changedFrom)
        )
    }

    mutating func popLeave() throws(StateRecordError) -> PopLeave {
        let window = try self.number("window", max: PopFlight.window(of: PopFlight.offsetMax))
        let bits = try self.integer(UInt64.self)
        return PopLeave(window: window, popTime: try self.popTime("pop time"), bits: bits)
    }

    mutating func popOrderBatch() throws(StateRecordError) -> PopOrderBatch? {
        let popTime = try self.popTime("pop time")
        var batch = PopOrderBatch(popTime: popTime, attemptID: try self.text("attempt"), items: [])
        for _ in 0..<(try self.integer(UInt32.self)) {
            let offset = try self.popOffset("offset")
            if let last = batch.items.last, last.offset >= offset {
                throw .illegalValue(field: "offset")
            }
            let visibleAt = try self.popTime("visible time")
            let before = try self.integer(Int32.self)
            guard before >= 0 else { throw .illegalValue(field: "deliveries") }
            batch.items.append(
                .init(
                    offset: offset, visibleAt: visibleAt, deliveredBefore: before,
                    isAcknowledged: try self.flag("acknowledged")))
        }
        return batch.firstUnacknowledged == nil ? nil : batch
    }

    private mutating func number(
        _ field: String, max: Int64
    ) throws(StateRecordError) -> Int64 {
        let number = try self.integer(Int64.self)
        guard (0...max).contains(number) else { throw .illegalValue(field: field) }
        return number
    }
}
