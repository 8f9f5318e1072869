package import MessageFormat

/// What an acknowledgement met.
package enum PopAcknowledgement: Hashable, Sendable {
    /// It counts. `mayPop`: the queue was closed to the group before, and is not any more.
    case counted(mayPop: Bool)
    /// Nothing was in flight under that handle: it came twice, or too late. Answered like the others.
    case late
}

/// The delivery that goes on after a change of the visible time.
package struct PopChange: Hashable, Sendable {
    package var popTime: Timestamp
    /// Milliseconds.
    package var invisibleTime: Int64
    package var reviveQueue: Int32

    package init(popTime: Timestamp, invisibleTime: Int64, reviveQueue: Int32) {
        self.popTime = popTime
        self.invisibleTime = invisibleTime
        self.reviveQueue = reviveQueue
    }
}

// Handles come back: done with a message, or in need of more time.
extension PopLedger {
    /// A consumer is done with a message. The caller has checked the offset against the queue.
    package mutating func acknowledge(
        _ key: PopKey, offset: QueueOffset, popTime: Timestamp
    ) -> PopAcknowledgement {
        guard let number = self.number(of: key) else { return .late }
        let wasClosed = self.isClosed(number)
        let leave = PopLeave(
            window: PopFlight.window(of: offset.value), popTime: popTime.milliseconds,
            bits: PopFlight.bit(of: offset.value))
        guard self.apply(leave, to: number) else { return .late }
        self.gather(leave, of: key)
        return .counted(mayPop: wasClosed && !self.isClosed(number))
    }

    /// A consumer wants a message to stay invisible from now on for another while, or a shorter
    /// one.
    ///
    /// The handle that was shown is over: acknowledgements with it come too late. Showing it again
    /// for another change is allowed, since the answer may have been lost. In order, handles keep
    /// their pop time and stay good. `holder`: the message comes back when this connection closes.
    package mutating func change(
        _ key: PopKey, offset: QueueOffset, popTime: Timestamp, invisibleTime: Duration,
        isOrdered: Bool, reviveQueue: Int32 = 0, holder: ConnectionKey? = nil, at now: Now
    ) throws(PopRefusal) -> PopChange {
        guard let number = self.number(of: key) else { throw .notInFlight }
        let now = self.time(at: now)
        if isOrdered {
            return try self.changeOrdered(
                number, offset, popTime, now + self.granted(invisibleTime), holder)
        }
        guard let piece = self.queues[number].flight.piece(of: offset.value),
            [piece.popTime, piece.changedFrom].contains(popTime.milliseconds),
            piece.popTime < 2 * PopClock.timeMax
        else { throw .notInFlight }
        let isAlone = piece.bits.nonzeroBitCount == 1
        guard isAlone || self.pieces < 2 * self.settings.piecesMax else {
            throw .ledgerFull(inFlight: self.inFlight, pieces: self.pieces)
        }
        let time = max(now, piece.popTime + 1)
        let window = PopFlight.window(of: offset.value)
        let changed = PopPiece(
            bits: PopFlight.bit(of: offset.value), popTime: time,
            visibleAt: time + self.granted(invisibleTime), changedFrom: popTime.milliseconds)
        self.release(changed.bits, in: window, popTime: piece.popTime, of: number)
        self.put(changed, in: window, of: number)
        self.hold(changed.bits, in: window, popTime: time, of: number, by: holder)
        self.plan(.inFlight) { PopRecords.inFlight(key, [(window, changed)], to: &$0) }
        return PopChange(
            popTime: Timestamp(milliseconds: time), invisibleTime: changed.visibleAt - time,
            reviveQueue: reviveQueue)
    }

    private mutating func changeOrdered(
        _ number: Int, _ offset: QueueOffset, _ popTime: Timestamp, _ visibleAt: Int64,
        _ holder: ConnectionKey?
    ) throws(PopRefusal) -> PopChange {
        guard var order = self.queues[number].order,
            order.change(offset.value, popTime: popTime.milliseconds, visibleAt: visibleAt)
        else { throw .notInFlight }
        self.setOrder(order, of: number)
        self.planOrder(number)
        let (window, bit) = (PopFlight.window(of: offset.value), PopFlight.bit(of: offset.value))
        self.release(bit, in: window, popTime: order.popTime, of: number)
        self.hold(bit, in: window, popTime: order.popTime, of: number, by: holder)
        return PopChange(
            popTime: popTime, invisibleTime: visibleAt - popTime.milliseconds,
            reviveQueue: PopHandle.orderQueue)
    }

    /// Ends what is in flight under one pop. Returns whether anything was.
    @discardableResult
    mutating func apply(_ leave: PopLeave, to number: Int) -> Bool {
        self.release(leave.bits, in: leave.window, popTime: leave.popTime, of: number)
        let removed = self.update(number) { queue in
            queue.flight.remove(leave.bits, in: leave.window) { $0.popTime == leave.popTime }
        }
        guard var order = self.queues[number].order, order.popTime == leave.popTime else {
            return removed != 0
        }
        let offsets = PopFlight.offsets(leave.bits, in: leave.window)
        let counted = offsets.filter { order.acknowledge($0, popTime: leave.popTime) }
        if !counted.isEmpty { self.setOrder(order, of: number) }
        return removed != 0 || !counted.isEmpty
    }

    /// Whether the group gets nothing more of the queue until something is acknowledged.
    private func isClosed(_ number: Int) -> Bool {
        self.queues[number].order != nil
            || self.queues[number].inFlight >= self.settings.inFlightPerQueueMax
    }
}
