internal import DequeModule

/// Messages of one window that were popped together, by their queue's number.
struct PopHolding: Hashable, Comparable, Sendable {
    var queue: Int
    var window: Int64
    var popTime: Int64

    static func < (left: Self, right: Self) -> Bool {
        (left.queue, left.window, left.popTime) < (right.queue, right.window, right.popTime)
    }
}

/// Through which connections the messages in flight were popped that are to come back when their
/// connection closes. Memory of one master: no record tells of it.
///
/// What does not fit is not remembered: it comes back when its invisible time is over.
struct PopHolders: Sendable {
    private struct Share {
        var connection: ConnectionKey
        var bits: UInt64
    }

    private struct Slot: Hashable {
        var window: Int64
        var popTime: Int64
    }

    /// Connections that closed last. What was read for one of them is not taken any more.
    private static let closedMax = 4_096

    let countMax: Int
    let perConnectionMax: Int
    /// Two connections may have popped of one window within one millisecond.
    private var queues: [Int: [Slot: [Share]]] = [:]
    private var byConnection: [ConnectionKey: Set<PopHolding>] = [:]
    private var closed: Set<ConnectionKey> = []
    private var closedInOrder: Deque<ConnectionKey> = []
    /// Holdings, those of each connection by themselves.
    private(set) var count = 0

    init(countMax: Int, perConnectionMax: Int) {
        self.countMax = countMax
        self.perConnectionMax = perConnectionMax
    }

    /// These are with that connection from now on, whoever had them.
    mutating func hold(_ bits: UInt64, _ holding: PopHolding, by connection: ConnectionKey) {
        self.release(bits, holding)
        let slot = Slot(window: holding.window, popTime: holding.popTime)
        var shares = self.queues[holding.queue]?[slot] ?? []
        if let index = shares.firstIndex(where: { $0.connection == connection }) {
            shares[index].bits |= bits
        } else {
            guard self.count < self.countMax,
                self.byConnection[connection]?.count ?? 0 < self.perConnectionMax
            else { return }
            shares.append(Share(connection: connection, bits: bits))
            self.byConnection[connection, default: []].insert(holding)
            self.count += 1
        }
        self.queues[holding.queue, default: [:]][slot] = shares
    }

    /// These are over, or with somebody who does not give them back.
    mutating func release(_ bits: UInt64, _ holding: PopHolding) {
        let slot = Slot(window: holding.window, popTime: holding.popTime)
        guard var shares = self.queues[holding.queue]?[slot] else { return }
        for index in shares.indices { shares[index].bits &= ~bits }
        for share in shares where share.bits == 0 { self.forget(holding, of: share.connection) }
        shares.removeAll { $0.bits == 0 }
        self.put(shares, slot, of: holding.queue)
    }

    /// Nothing of a queue is with anybody any more.
    mutating func forget(queue: Int) {
        for (slot, shares) in self.queues.removeValue(forKey: queue) ?? [:] {
            let holding = PopHolding(queue: queue, window: slot.window, popTime: slot.popTime)
            for share in shares { self.forget(holding, of: share.connection) }
        }
    }

    /// What a connection holds, sorted.
    func holdings(of connection: ConnectionKey) -> [PopHolding] {
        (self.byConnection[connection] ?? []).sorted()
    }

    /// Takes these out of what a connection holds.
    mutating func take(
        _ holdings: [PopHolding], of connection: ConnectionKey
    ) -> [(holding: PopHolding, bits: UInt64)] {
        holdings.map { holding in
            let slot = Slot(window: holding.window, popTime: holding.popTime)
            var shares = self.queues[holding.queue]?[slot] ?? []
            let own = shares.filter { $0.connection == connection }
            shares.removeAll { $0.connection == connection }
            self.put(shares, slot, of: holding.queue)
            self.forget(holding, of: connection)
            return (holding, own.reduce(0) { $0 | $1.bits })
        }
    }

    mutating func forgetAll() {
        self.queues = [:]
        self.byConnection = [:]
        self.count = 0
    }

    mutating func noteClosed(_ connection: ConnectionKey) {
        guard self.closed.insert(connection).inserted else { return }
        self.closedInOrder.append(connection)
        guard self.closedInOrder.count > Self.closedMax,
            let oldest = self.closedInOrder.popFirst()
        else { return }
        self.closed.remove(oldest)
    }

    func isClosed(_ connection: ConnectionKey) -> Bool { self.closed.contains(connection) }

    private mutating func put(_ shares: [Share], _ slot: Slot, of queue: Int) {
        self.queues[queue]?[slot] = shares.isEmpty ? nil : shares
        if self.queues[queue]?.isEmpty == true { self.queues[queue] = nil }
    }

    private mutating func forget(_ holding: PopHolding, of connection: ConnectionKey) {
        guard self.byConnection[connection]?.remove(holding) != nil else { return }
        self.count -= 1
        if self.byConnection[connection]?.isEmpty == true { self.byConnection[connection] = nil }
    }

    func checkInvariants() {
        precondition(self.count <= self.countMax)
        precondition(self.count == self.byConnection.values.reduce(0) { $0 + $1.count })
        precondition(self.byConnection.values.allSatisfy { !$0.isEmpty })
        var count = 0
        for (queue, slots) in self.queues {
            precondition(!slots.isEmpty)
            for (slot, shares) in slots {
                let holding = PopHolding(queue: queue, window: slot.window, popTime: slot.popTime)
                precondition(!shares.isEmpty)
                count += shares.count
                for share in shares {
                    precondition(share.bits != 0, "who holds nothing is forgotten")
                    precondition(self.byConnection[share.connection]?.contains(holding) == true)
                }
                let bits = shares.reduce(0) { $0 + $1.bits.nonzeroBitCount }
                let all = shares.reduce(UInt64(0)) { $0 | $1.bits }
                precondition(all.nonzeroBitCount == bits, "a message is with one connection")
            }
        }
        precondition(count == self.count)
        precondition(self.closed.count == self.closedInOrder.count)
    }
}
