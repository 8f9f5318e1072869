package import MessageFormat

// Connections that hold messages, and give them back when they close: for those who asked for it.
extension PopLedger {
    /// A connection closed, or its client fell silent in one group: what it holds is visible as if
    /// its invisible time were over. Records tell of it as they do then.
    package mutating func giveBack(
        of connection: ConnectionKey, group: String? = nil, at now: Now
    ) {
        let meant = self.holders.holdings(of: connection).filter { holding in
            group.map { $0 == self.queues[holding.queue].key.group } ?? true
        }
        guard !meant.isEmpty else { return }
        let held = self.holders.take(meant, of: connection)
        let time = self.time(at: now)
        for (holding, bits) in held { self.hasten(bits, holding, to: time) }
        self.endOrders(held, at: time)
    }

    /// What a connection holds comes back when its time is over, as everybody's does.
    package mutating func disown(_ connection: ConnectionKey) {
        _ = self.holders.take(self.holders.holdings(of: connection), of: connection)
    }

    /// No connection holds anything.
    package mutating func disownAll() { self.holders.forgetAll() }

    /// Nobody is behind this connection any more: nothing is to be taken for it.
    package mutating func closed(_ connection: ConnectionKey) {
        self.holders.noteClosed(connection)
    }

    package func isClosed(_ connection: ConnectionKey) -> Bool {
        self.holders.isClosed(connection)
    }

    /// Runs of messages that come back when their connections close.
    package var heldCount: Int { self.holders.count }

    private mutating func hasten(_ bits: UInt64, _ holding: PopHolding, to time: Int64) {
        let isHastened = self.update(holding.queue) {
            $0.flight.hasten(bits, in: holding.window, popTime: holding.popTime, to: time)
        }
        guard isHastened else { return }
        self.watch(PopDeadline(at: time, queue: holding.queue, window: holding.window))
    }

    /// One record for each batch in order, however many windows it is in.
    private mutating func endOrders(
        _ held: [(holding: PopHolding, bits: UInt64)], at time: Int64
    ) {
        for number in Set(held.map(\.holding.queue)).sorted() {
            guard var order = self.queues[number].order else { continue }
            let offsets = held.filter {
                $0.holding.queue == number && $0.holding.popTime == order.popTime
            }.flatMap { PopFlight.offsets($0.bits, in: $0.holding.window) }
            guard order.show(Set(offsets), at: time) else { continue }
            self.setOrder(order, of: number)
            self.planOrder(number)
        }
    }
}

extension PopLedger {
    /// Nil: it does not give back what it holds.
    mutating func hold(
        _ bits: UInt64, in window: Int64, popTime: Int64, of number: Int,
        by connection: ConnectionKey?
    ) {
        guard let connection else { return }
        self.holders.hold(
            bits, PopHolding(queue: number, window: window, popTime: popTime), by: connection)
    }

    mutating func release(_ bits: UInt64, in window: Int64, popTime: Int64, of number: Int) {
        guard self.holders.count > 0 else { return }
        self.holders.release(
            bits, PopHolding(queue: number, window: window, popTime: popTime))
    }

    /// A batch in order is with this connection, all of it.
    mutating func holdOrder(of number: Int, by connection: ConnectionKey?) {
        guard let connection, let order = self.queues[number].order else { return }
        for item in order.unacknowledged {
            self.hold(
                PopFlight.bit(of: item.offset), in: PopFlight.window(of: item.offset),
                popTime: order.popTime, of: number, by: connection)
        }
    }

    mutating func releaseOrder(of number: Int) {
        guard self.holders.count > 0, let order = self.queues[number].order else { return }
        for item in order.unacknowledged {
            self.release(
                PopFlight.bit(of: item.offset), in: PopFlight.window(of: item.offset),
                popTime: order.popTime, of: number)
        }
    }
}
