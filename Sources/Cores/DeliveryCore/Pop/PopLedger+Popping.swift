package import MessageFormat

/// What a pop in order may take from a queue.
package enum PopOrderedStart: Hashable, Sendable {
    /// Read from here on.
    case fresh(from: QueueOffset)
    /// The batch before is not done: exactly these are delivered again, by `takeAgain`.
    case again([QueueOffset])
}

// Popping: where to read, and what was taken.
extension PopLedger {
    /// Where a pop would read on. Changes nothing.
    package func position(_ key: PopKey, start: PopStart, _ bounds: PopBounds) -> QueueOffset {
        QueueOffset(
            bounds.position(
                next: self.number(of: key).flatMap { self.queues[$0].next }, start: start))
    }

    /// A pop wants to read a queue. It has the queue for itself until it takes, skips or releases,
    /// but no longer than `lockTime`.
    package mutating func begin(
        _ key: PopKey, start: PopStart, _ bounds: PopBounds, at now: Now
    ) throws(PopRefusal) -> QueueOffset {
        let number = try self.enter(key, start: start, bounds, at: now)
        try self.checkRoom(number)
        self.handOverOrder(of: number)
        self.queues[number].busyUntil = now.tick + self.settings.lockTime
        return QueueOffset(self.queues[number].next ?? 0)
    }

    /// The same for a pop in order.
    package mutating func beginOrdered(
        _ key: PopKey, start: PopStart, _ bounds: PopBounds, attemptID: String, at now: Now
    ) throws(PopRefusal) -> PopOrderedStart {
        let bytes = attemptID.utf8.count
        guard bytes <= self.settings.attemptIDBytesMax else {
            throw .attemptIDTooLong(bytes: bytes, bytesMax: self.settings.attemptIDBytesMax)
        }
        let number = try self.enter(key, start: start, bounds, at: now)
        guard let order = self.queues[number].order else {
            try self.checkRoom(number)
            self.queues[number].busyUntil = now.tick + self.settings.lockTime
            return .fresh(from: QueueOffset(self.queues[number].next ?? 0))
        }
        if !order.isRepeat(of: attemptID), order.isBlocking(at: self.time(at: now)) {
            throw .blocked
        }
        self.queues[number].busyUntil = now.tick + self.settings.lockTime
        return .again(order.unacknowledged.map { QueueOffset($0.offset) })
    }

    /// These were read from `from` on and go to a consumer; the next pop begins at `next`.
    /// `holder`: they come back when this connection closes.
    package mutating func take(
        _ key: PopKey, from: QueueOffset, offsets: [QueueOffset], next: QueueOffset,
        popTime: Timestamp, invisibleTime: Duration, holder: ConnectionKey? = nil
    ) throws(PopRefusal) {
        let number = try self.leave(key, from: from, offsets, next: next)
        guard !offsets.isEmpty else { return self.move(number, to: next.value) }
        let visibleAt = popTime.milliseconds + self.granted(invisibleTime)
        var pieces: [(window: Int64, piece: PopPiece)] = []
        for offset in offsets.map(\.value) {
            let window = PopFlight.window(of: offset)
            if let last = pieces.last, last.window == window {
                pieces[pieces.count - 1].piece.bits |= PopFlight.bit(of: offset)
            } else {
                let piece = PopPiece(
                    bits: PopFlight.bit(of: offset), popTime: popTime.milliseconds,
                    visibleAt: visibleAt)
                pieces.append((window, piece))
            }
        }
        self.update(number) { $0.next = next.value }
        for (window, piece) in pieces {
            self.put(piece, in: window, of: number)
            self.hold(piece.bits, in: window, popTime: piece.popTime, of: number, by: holder)
        }
        self.plan(PopRecords.taken(key, next: next.value, pieces))
    }

    /// The same for a pop in order. Returns how often each was delivered before: not at all.
    package mutating func takeOrdered(
        _ key: PopKey, from: QueueOffset, offsets: [QueueOffset], next: QueueOffset,
        popTime: Timestamp, invisibleTime: Duration, attemptID: String,
        holder: ConnectionKey? = nil
    ) throws(PopRefusal) -> [PopOrderCount] {
        let number = try self.leave(key, from: from, offsets, next: next)
        guard self.queues[number].order == nil else { throw .blocked }
        guard !offsets.isEmpty else {
            self.move(number, to: next.value)
            return []
        }
        let visibleAt = popTime.milliseconds + self.granted(invisibleTime)
        let batch = PopOrderBatch(
            popTime: popTime.milliseconds, attemptID: attemptID,
            items: offsets.map {
                .init(offset: $0.value, visibleAt: visibleAt, deliveredBefore: 0)
            })
        self.update(number) { $0.next = next.value }
        self.setOrder(batch, of: number)
        self.holdOrder(of: number, by: holder)
        self.planOrder(number)
        return offsets.map { PopOrderCount(offset: $0, deliveredBefore: 0) }
    }

    /// The first `countMax` messages of `again` go to a consumer once more.
    ///
    /// Messages that cannot be read any more are to be acknowledged instead by the caller.
    package mutating func takeAgain(
        _ key: PopKey, countMax: Int, popTime: Timestamp, invisibleTime: Duration,
        attemptID: String, holder: ConnectionKey? = nil
    ) throws(PopRefusal) -> [PopOrderCount] {
        guard let number = self.number(of: key), let order = self.queues[number].order else {
            throw .positionMoved
        }
        self.queues[number].busyUntil = nil
        // Handles of the pop before must not be taken for those of this one.
        let time = popTime.milliseconds
        let isLater = time > order.popTime || order.isRepeat(of: attemptID) && time == order.popTime
        guard isLater else { throw .blocked }
        let (batch, delivered) = order.redelivered(
            countMax: max(1, countMax), popTime: time,
            visibleAt: time + self.granted(invisibleTime), attemptID: attemptID)
        self.releaseOrder(of: number)
        self.setOrder(batch, of: number)
        self.holdOrder(of: number, by: holder)
        self.planOrder(number)
        return delivered.map {
            PopOrderCount(offset: QueueOffset($0.offset), deliveredBefore: $0.deliveredBefore)
        }
    }

    /// What was read from `from` on up to `next` is not for the group.
    package mutating func skip(
        _ key: PopKey, from: QueueOffset, to next: QueueOffset
    ) throws(PopRefusal) {
        let number = try self.leave(key, from: from, [], next: next)
        self.move(number, to: next.value)
    }

    /// Nothing came of a pop.
    package mutating func release(_ key: PopKey) {
        guard let number = self.number(of: key) else { return }
        self.queues[number].busyUntil = nil
    }

    /// An operator says where the group goes on. What is in flight is over: late handles count for
    /// nothing, and nothing of it returns. The group's ordinary offset has to be set, too.
    package mutating func reset(_ key: PopKey, to offset: QueueOffset) {
        guard let number = self.number(of: key), (0...PopFlight.offsetMax).contains(offset.value)
        else { return }
        self.update(number) {
            $0 = PopQueue(key: key)
            $0.next = offset.value
        }
        self.holders.forget(queue: number)
        // Later pops of the same messages must not have the handles of those before.
        self.latestPopTime += 1
        self.plan(.positions) {
            PopRecords.position(key, offset.value, isReset: true, to: &$0)
        }
    }

    /// Whether a pop would find something to read.
    package mutating func hasMore(
        _ key: PopKey, start: PopStart, _ bounds: PopBounds, isOrdered: Bool = false,
        attemptID: String = "", at now: Now
    ) -> Bool {
        if isOrdered, let number = self.number(of: key), let order = self.queues[number].order {
            return order.isRepeat(of: attemptID) || !order.isBlocking(at: self.time(at: now))
        }
        return self.position(key, start: start, bounds) < bounds.max
    }

    /// Milliseconds for which messages become invisible when somebody asks for this.
    package func granted(_ invisibleTime: Duration) -> Int64 {
        let asked = min(max(invisibleTime, .zero), self.settings.invisibleTimeMax)
        let (seconds, attoseconds) = asked.components
        return seconds * 1_000 + attoseconds / 1_000_000_000_000_000
    }
}

extension PopLedger {
    /// Finds a queue that nobody reads just now, and sets its position right.
    private mutating func enter(
        _ key: PopKey, start: PopStart, _ bounds: PopBounds, at now: Now
    ) throws(PopRefusal) -> Int {
        guard let number = self.number(of: key) else {
            return try self.make(key, start: start, bounds)
        }
        if let busyUntil = self.queues[number].busyUntil, busyUntil > now.tick { throw .busy }
        let position = bounds.position(next: self.queues[number].next, start: start)
        if position != self.queues[number].next { self.move(number, to: position) }
        return number
    }

    private mutating func make(
        _ key: PopKey, start: PopStart, _ bounds: PopBounds
    ) throws(PopRefusal) -> Int {
        guard ResourceName.problem(withGroup: key.group) == nil,
            ResourceName.problem(withTopic: key.topic) == nil, key.queueID >= 0
        else { throw .illegalName }
        guard self.queueCount < self.settings.queuesMax else {
            throw .tooManyQueues(queuesMax: self.settings.queuesMax)
        }
        let number = self.findOrMake(key)
        self.move(number, to: bounds.position(next: nil, start: start))
        return number
    }

    private func checkRoom(_ number: Int) throws(PopRefusal) {
        let queue = self.queues[number]
        guard queue.inFlight < self.settings.inFlightPerQueueMax else {
            throw .queueFull(
                inFlight: queue.inFlight, inFlightMax: self.settings.inFlightPerQueueMax)
        }
        guard self.inFlight < self.settings.inFlightMax, self.pieces < self.settings.piecesMax
        else { throw .ledgerFull(inFlight: self.inFlight, pieces: self.pieces) }
    }

    /// Ends a pop, if what it read is what comes next.
    private mutating func leave(
        _ key: PopKey, from: QueueOffset, _ offsets: [QueueOffset], next: QueueOffset
    ) throws(PopRefusal) -> Int {
        guard let number = self.number(of: key), self.queues[number].next == from.value else {
            throw .positionMoved
        }
        self.queues[number].busyUntil = nil
        let ascends = zip(offsets, offsets.dropFirst()).allSatisfy { $0 < $1 }
        guard ascends, offsets.first ?? from >= from, offsets.last.map({ $0 < next }) ?? true,
            next >= from, next.value <= PopFlight.offsetMax, offsets.count <= PopRecords.listMax
        else { throw .wrongOffsets }
        return number
    }

    private mutating func move(_ number: Int, to next: Int64) {
        guard self.queues[number].next != next else { return }
        self.update(number) { $0.next = next }
        let key = self.queues[number].key
        self.plan(.positions) { PopRecords.position(key, next, to: &$0) }
    }

    /// A group that popped in order does so no more: what is left of its batch returns like
    /// everything else.
    private mutating func handOverOrder(of number: Int) {
        guard let order = self.queues[number].order else { return }
        let key = self.queues[number].key
        let pieces = order.unacknowledged.map { item in
            (
                window: PopFlight.window(of: item.offset),
                piece: PopPiece(
                    bits: PopFlight.bit(of: item.offset), popTime: order.popTime,
                    visibleAt: item.visibleAt)
            )
        }
        self.setOrder(nil, of: number)
        for (window, piece) in pieces { self.put(piece, in: window, of: number) }
        self.planOrder(number)
        self.plan(.inFlight) { PopRecords.inFlight(key, pieces, to: &$0) }
    }

    mutating func planOrder(_ number: Int) {
        let queue = self.queues[number]
        self.plan(PopRecords.order(queue.key, next: queue.next ?? 0, queue.order))
    }
}
