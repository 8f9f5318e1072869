package import MessageFormat

// The log: what a replica, or a master after a restart, reads of what a master decided.
extension PopLedger {
    /// Applies a record of the log. False: the kind is somebody else's.
    ///
    /// A record that cannot be read changes nothing.
    package mutating func apply(
        kind: UInt16, payload: UnsafeRawBufferPointer
    ) throws(StateRecordError) -> Bool {
        guard let kind = PopRecordKind(rawValue: kind), kind != .requestModes else { return false }
        var reader = try StateReader(payload)
        switch kind {
        case .taken: try self.applyTaken(&reader)
        case .acknowledged, .returned: try self.applyLeaves(&reader)
        case .inFlight: try self.applyInFlight(&reader)
        case .positions: try self.applyPositions(&reader)
        case .removed: try self.applyRemoved(&reader)
        case .order: try self.applyOrder(&reader)
        case .requestModes: break
        }
        return true
    }

    /// The whole state. It replaces what was there: apply it to a fresh value.
    package func snapshotRecords() -> [StateRecord] {
        let numbers = self.numbersByKey
        var positions = PopRecordList(.positions)
        var inFlight = PopRecordList(.inFlight)
        var orders: [StateRecord] = []
        for number in numbers {
            let queue = self.queues[number]
            if let next = queue.next { PopRecords.position(queue.key, next, to: &positions) }
            let pieces = queue.flight.windowNumbers.flatMap { window in
                queue.flight.canonicalPieces(in: window).map { (window: window, piece: $0) }
            }
            PopRecords.inFlight(queue.key, pieces, to: &inFlight)
            if let order = queue.order {
                orders.append(PopRecords.order(queue.key, next: queue.next ?? 0, order))
            }
        }
        return positions.finish() + inFlight.finish() + orders
    }

    /// A topic is gone, and with it everything that groups did in it. Its retry topics are topics
    /// of their own.
    package mutating func removed(topic: String) {
        guard !topic.isEmpty, self.forgetAll(group: "", topic: topic) else { return }
        self.plan(PopRecords.removed(group: "", topic: topic))
    }

    /// A group is gone.
    package mutating func removed(group: String) {
        guard !group.isEmpty, self.forgetAll(group: group, topic: "") else { return }
        self.plan(PopRecords.removed(group: group, topic: ""))
    }

    private mutating func forgetAll(group: String, topic: String) -> Bool {
        let gone = self.numbersByKey.map { self.queues[$0].key }.filter {
            (group.isEmpty || $0.group == group) && (topic.isEmpty || $0.topic == topic)
        }
        for key in gone { self.forget(key) }
        return !gone.isEmpty
    }
}

extension PopLedger {
    private typealias Pieces = [(window: Int64, piece: PopPiece)]

    private mutating func applyTaken(_ reader: inout StateReader) throws(StateRecordError) {
        let key = try reader.popKey()
        let next = try reader.popOffset("position")
        var pieces: Pieces = []
        while !reader.isAtEnd { pieces.append(try reader.popPiece()) }
        let number = self.findOrMake(key)
        self.update(number) { $0.next = next }
        for (window, piece) in pieces { self.put(piece, in: window, of: number) }
    }

    private mutating func applyInFlight(_ reader: inout StateReader) throws(StateRecordError) {
        var lists: [(key: PopKey, pieces: Pieces)] = []
        while !reader.isAtEnd {
            let key = try reader.popKey()
            var pieces: Pieces = []
            for _ in 0..<(try reader.integer(UInt32.self)) { pieces.append(try reader.popPiece()) }
            lists.append((key, pieces))
        }
        for (key, pieces) in lists {
            let number = self.findOrMake(key)
            for (window, piece) in pieces { self.put(piece, in: window, of: number) }
        }
    }

    private mutating func applyLeaves(_ reader: inout StateReader) throws(StateRecordError) {
        var lists: [(key: PopKey, leaves: [PopLeave])] = []
        while !reader.isAtEnd {
            let key = try reader.popKey()
            var leaves: [PopLeave] = []
            for _ in 0..<(try reader.integer(UInt32.self)) { leaves.append(try reader.popLeave()) }
            lists.append((key, leaves))
        }
        for (key, leaves) in lists {
            guard let number = self.number(of: key) else { continue }
            for leave in leaves { self.apply(leave, to: number) }
        }
    }

    private mutating func applyPositions(_ reader: inout StateReader) throws(StateRecordError) {
        var positions: [(key: PopKey, isReset: Bool, next: Int64)] = []
        while !reader.isAtEnd {
            let key = try reader.popKey()
            let isReset = try reader.flag("reset")
            positions.append((key, isReset, try reader.popOffset("position")))
        }
        for (key, isReset, next) in positions {
            let number = self.findOrMake(key)
            self.update(number) {
                if isReset { $0 = PopQueue(key: key) }
                $0.next = next
            }
        }
    }

    private mutating func applyOrder(_ reader: inout StateReader) throws(StateRecordError) {
        let key = try reader.popKey()
        let next = try reader.popOffset("position")
        let batch = try reader.popOrderBatch()
        try reader.finish()
        let number = self.findOrMake(key)
        self.update(number) { $0.next = next }
        self.setOrder(batch, of: number)
    }

    private mutating func applyRemoved(_ reader: inout StateReader) throws(StateRecordError) {
        let group = try reader.text("group")
        let topic = try reader.text("topic")
        try reader.finish()
        guard !group.isEmpty || !topic.isEmpty else { throw .illegalValue(field: "removal") }
        _ = self.forgetAll(group: group, topic: topic)
    }

    private var numbersByKey: [Int] {
        self.numbers.sorted { $0.key < $1.key }.map(\.value)
    }
}
