package import MessageFormat

extension TransactionTable {
    /// The whole state. It replaces what was there.
    package func snapshotRecords() -> [StateRecord] {
        TransactionRecords.open(Array(self.opens.values))
            + TransactionRecords.recentEnds(self.ends.all)
    }

    /// Applies a record of the log. False: the kind is somebody else's.
    ///
    /// A record that cannot be read changes nothing.
    package mutating func apply(
        kind: UInt16, payload: UnsafeRawBufferPointer
    ) throws(StateRecordError) -> Bool {
        guard let kind = TransactionRecordKind(rawValue: kind) else { return false }
        var reader = try StateReader(payload)
        switch kind {
        case .ended: try self.applyEnded(&reader)
        case .checked: try self.applyChecked(&reader)
        case .open: try self.applyOpen(&reader)
        case .recentEnds: try self.applyRecentEnds(&reader)
        }
        return true
    }

    private mutating func applyEnded(_ reader: inout StateReader) throws(StateRecordError) {
        var ends: [(QueueOffset, TransactionOutcome)] = []
        while !reader.isAtEnd {
            ends.append((QueueOffset(try reader.integer(Int64.self)), try reader.outcome()))
        }
        for (offset, outcome) in ends { self.ended(offset, outcome) }
    }

    private mutating func applyChecked(_ reader: inout StateReader) throws(StateRecordError) {
        var checks: [(QueueOffset, Int, Timestamp)] = []
        while !reader.isAtEnd {
            let offset = QueueOffset(try reader.integer(Int64.self))
            let times = Int(try reader.integer(UInt32.self))
            guard times > 0 else { throw .illegalValue(field: "checks") }
            let time = Timestamp(milliseconds: try reader.integer(Int64.self))
            checks.append((offset, times, time))
        }
        for (offset, times, time) in checks { self.checked(offset, times: times, at: time) }
    }

    private mutating func applyOpen(_ reader: inout StateReader) throws(StateRecordError) {
        var transactions: [OpenTransaction] = []
        while !reader.isAtEnd {
            let group = try reader.text("producer group")
            var last: HalfMessage?
            for _ in 0..<(try reader.compact("count", upTo: Int(Int32.max))) {
                let transaction = try OpenTransaction(from: &reader, group: group, after: last)
                transactions.append(transaction)
                last = transaction.half
            }
        }
        for transaction in transactions { self.restore(transaction) }
    }

    private mutating func applyRecentEnds(_ reader: inout StateReader) throws(StateRecordError) {
        let isFirst = try reader.flag("first record")
        var ends: [RecentEnds.End] = []
        while !reader.isAtEnd {
            let offset = try reader.place("half offset", after: ends.last?.halfOffset.value ?? 0)
            let position = try reader.place("position", after: ends.last?.position.bytes ?? 0)
            ends.append(
                .init(
                    halfOffset: QueueOffset(offset), position: PhysicalOffset(position),
                    outcome: try reader.outcome()))
        }
        self.remember(ends, startingAnew: isFirst)
    }
}

extension StateReader {
    fileprivate mutating func outcome() throws(StateRecordError) -> TransactionOutcome {
        guard let outcome = TransactionOutcome(rawValue: try self.integer(UInt8.self)) else {
            throw .illegalValue(field: "outcome")
        }
        return outcome
    }
}
