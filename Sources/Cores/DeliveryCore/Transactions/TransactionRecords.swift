internal import MessageFormat

/// Kinds of records, as they stand in the log. Numbers are never given a new meaning.
///
/// Every payload starts with a version byte, 1. Integers are big-endian; compact ones have seven
/// bits a byte, lowest first; a step is the folded difference to the one before (to 0 at first).
package enum TransactionRecordKind: UInt16, Hashable, Sendable, CaseIterable {
    /// Half offset (8) and outcome (1) of each transaction that ended.
    case ended = 20
    /// Half offset (8), number of checks (4) and time of the last one (8).
    case checked = 21
    /// Snapshot. For each producer group: name, number of transactions (compact), and for each
    /// of them: step of the half offset, step of the position, size (compact), step of the store
    /// timestamp, immunity in seconds plus one (compact, 0: none), checks (compact), and if there
    /// were any, the last one's step from the store timestamp.
    case open = 22
    /// Snapshot. Whether this is its first record; step of the half offset, step of the position
    /// and outcome (1) of recent ends, earliest first.
    case recentEnds = 23
}

enum TransactionRecords {
    static let openBytesMax = 60
    static let endBytesMax = 21
    private static let openPerPart = 2048
    private static let endsPerRecord = 8192

    static func ended(_ offset: QueueOffset, _ outcome: TransactionOutcome) -> StateRecord {
        var writer = StateWriter()
        writer.put(offset.value)
        writer.put(outcome.rawValue)
        return Self.record(.ended, writer)
    }

    static func checked(_ transactions: [OpenTransaction]) -> [StateRecord] {
        Self.chunks(of: transactions, Self.endsPerRecord).map { chunk in
            var writer = StateWriter()
            for transaction in chunk {
                writer.put(transaction.half.offset.value)
                writer.put(UInt32(clamping: transaction.checks))
                writer.put(transaction.lastCheck?.milliseconds ?? 0)
            }
            return Self.record(.checked, writer)
        }
    }

    static func recentEnds(_ ends: [RecentEnds.End]) -> [StateRecord] {
        Self.chunks(of: ends, Self.endsPerRecord).map { chunk in
            var writer = StateWriter()
            writer.put(chunk.startIndex == 0)
            var last = (offset: Int64(0), position: Int64(0))
            for end in chunk {
                writer.put(compact: end.halfOffset.value, after: last.offset)
                writer.put(compact: end.position.bytes, after: last.position)
                writer.put(end.outcome.rawValue)
                last = (end.halfOffset.value, end.position.bytes)
            }
            return Self.record(.recentEnds, writer)
        }
    }

    static func open(_ transactions: [OpenTransaction]) -> [StateRecord] {
        var records: [StateRecord] = []
        var writer = StateWriter()
        for part in Self.parts(of: transactions) {
            if writer.bytes.count + part.bytes.count > DeliveryRecords.bytesMax {
                records.append(Self.record(.open, writer))
                writer = StateWriter()
            }
            writer.put(part: part)
        }
        return transactions.isEmpty ? [] : records + [Self.record(.open, writer)]
    }

    /// Group by group, so that a name is written about once.
    private static func parts(of transactions: [OpenTransaction]) -> [StateWriter] {
        let groups = Dictionary(grouping: transactions) { $0.half.producerGroup }
        return groups.sorted { $0.key < $1.key }.flatMap { name, members in
            let sorted = members.sorted { $0.half.offset < $1.half.offset }
            return Self.chunks(of: sorted, Self.openPerPart).map { Self.part(name, $0) }
        }
    }

    private static func part(_ group: String, _ members: ArraySlice<OpenTransaction>) -> StateWriter
    {
        var writer = StateWriter(part: ())
        writer.put(group)
        writer.put(compact: UInt64(members.count))
        var last = HalfMessage(
            offset: .zero, position: .zero, size: 0, producerGroup: "",
            stored: Timestamp(milliseconds: 0))
        for member in members {
            member.write(to: &writer, after: last)
            last = member.half
        }
        return writer
    }

    private static func chunks<Item>(of items: [Item], _ count: Int) -> [ArraySlice<Item>] {
        stride(from: 0, to: items.count, by: count).map {
            items[$0..<min($0 + count, items.count)]
        }
    }

    private static func record(_ kind: TransactionRecordKind, _ writer: StateWriter) -> StateRecord
    {
        StateRecord(kind: kind.rawValue, payload: writer.bytes)
    }
}

extension OpenTransaction {
    fileprivate func write(to writer: inout StateWriter, after last: HalfMessage) {
        let half = self.half
        writer.put(compact: half.offset.value, after: last.offset.value)
        writer.put(compact: half.position.bytes, after: last.position.bytes)
        writer.put(compact: UInt64(clamping: half.size))
        writer.put(compact: half.stored.milliseconds, after: last.stored.milliseconds)
        writer.put(compact: half.immunitySeconds.map { UInt64($0) + 1 } ?? 0)
        writer.put(compact: UInt64(clamping: self.checks))
        guard self.checks > 0 else { return }
        writer.put(
            compact: self.lastCheck?.milliseconds ?? half.stored.milliseconds,
            after: half.stored.milliseconds)
    }

    init(
        from reader: inout StateReader, group: String, after last: HalfMessage?
    ) throws(StateRecordError) {
        let offset = try reader.place("half offset", after: last?.offset.value ?? 0)
        let position = try reader.place("position", after: last?.position.bytes ?? 0)
        let size = try reader.compact("size", upTo: Int(Int32.max))
        let stored = try reader.compact("stored", after: last?.stored.milliseconds ?? 0)
        let immunity = try reader.compact("immunity", upTo: Int(UInt32.max) + 1)
        self.init(
            half: HalfMessage(
                offset: QueueOffset(offset), position: PhysicalOffset(position), size: size,
                producerGroup: group, stored: Timestamp(milliseconds: stored),
                immunitySeconds: immunity == 0 ? nil : UInt32(immunity - 1)))
        self.checks = try reader.compact("checks", upTo: Int(UInt32.max))
        guard self.checks > 0 else { return }
        self.lastCheck = Timestamp(
            milliseconds: try reader.compact("last check", after: stored))
    }
}
