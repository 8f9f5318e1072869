package import MessageFormat

/// Which consumer of a group may take a queue's messages in order (`flows.md` §9).
///
/// A lock belongs to a client id and lives for a while after its owner last asked for it. It is
/// remembered through which connection the owner asked last, so that the engine may free the
/// locks of a connection that closed without touching those of a client that came back meanwhile.
package struct OrderLocks: Sendable {
    private struct Lock {
        var clientID: String
        var connection: ConnectionKey
        var renewedAt: Tick
    }

    private let lifetime: Duration
    private let countMax: Int
    private var locks: [String: [MessageQueue: Lock]] = [:]
    private var groupsOfConnection: [ConnectionKey: Set<String>] = [:]
    private var sweepAt: Tick?
    /// Queues that changed hands.
    private var changed: [String: Set<MessageQueue>] = [:]

    package private(set) var count = 0

    package init(lifetime: Duration = .seconds(60), countMax: Int = 1_000_000) {
        self.lifetime = lifetime
        self.countMax = countMax
    }

    /// Locks what is free, expired or the client's own. Gives back all that it holds now of the
    /// queues that it asked for, in their order.
    package mutating func lock(
        group: String, clientID: String, connection: ConnectionKey, queues: [MessageQueue],
        at now: Tick
    ) -> [MessageQueue] {
        self.sweepAt = self.sweepAt ?? now + self.lifetime
        return queues.filter { queue in
            let present = self.locks[group]?[queue]
            if present == nil, self.count >= self.countMax { return false }
            if let present, present.clientID != clientID, self.isValid(present, at: now) {
                return false
            }
            self.locks[group, default: [:]][queue] = Lock(
                clientID: clientID, connection: connection, renewedAt: now)
            self.groupsOfConnection[connection, default: []].insert(group)
            if present == nil { self.count += 1 }
            if present?.clientID != clientID { self.changed[group, default: []].insert(queue) }
            return true
        }
    }

    /// Takes over locks that were granted before this broker was the master, or before it started
    /// again. How long ago they were renewed is not known: each lives as long as its owner may rely
    /// on it at most.
    ///
    /// `connection` tells through which connection an owner is here, if it is.
    package mutating func inherit(
        _ owners: [LockOwner], for time: Duration, at now: Tick,
        connection: (LockOwner) -> ConnectionKey?
    ) {
        let renewedAt = Tick(
            nanoseconds: (now + time).nanoseconds - Tick(self.lifetime).nanoseconds)
        for owner in owners where self.count < self.countMax {
            guard let clientID = owner.clientID, self.locks[owner.group]?[owner.queue] == nil
            else { continue }
            let connection = connection(owner) ?? Self.noConnection
            self.locks[owner.group, default: [:]][owner.queue] = Lock(
                clientID: clientID, connection: connection, renewedAt: renewedAt)
            self.groupsOfConnection[connection, default: []].insert(owner.group)
            self.count += 1
            self.sweepAt = self.sweepAt ?? now + self.lifetime
        }
    }

    /// Engines do not come so far.
    private static let noConnection = ConnectionKey(.max)

    /// What changed hands since this was last asked, sorted: who holds it now.
    package mutating func takeChanges() -> [LockOwner] {
        guard !self.changed.isEmpty else { return [] }
        let changed = exchange(&self.changed, with: [:])
        return changed.flatMap { group, queues in
            queues.map {
                LockOwner(
                    group: group, queue: $0, clientID: self.locks[group]?[$0]?.clientID)
            }
        }.sorted(by: LockOwner.precedes)
    }

    /// Frees those of the queues that the client holds.
    package mutating func unlock(group: String, clientID: String, queues: [MessageQueue]) {
        for queue in queues where self.locks[group]?[queue]?.clientID == clientID {
            self.locks[group]?[queue] = nil
            self.changed[group, default: []].insert(queue)
            self.count -= 1
        }
        if self.locks[group]?.isEmpty == true { self.locks[group] = nil }
    }

    /// The client that holds a queue.
    package func owner(group: String, queue: MessageQueue, at now: Tick) -> String? {
        guard let lock = self.locks[group]?[queue], self.isValid(lock, at: now) else { return nil }
        return lock.clientID
    }

    /// Whether anybody consumes in order in a group.
    package func holdsAny(group: String, at now: Tick) -> Bool {
        self.locks[group]?.values.contains { self.isValid($0, at: now) } ?? false
    }

    /// Frees all that a client holds in a group.
    package mutating func released(group: String, clientID: String) {
        self.removeAll(of: group) { $0.clientID == clientID }
    }

    /// Frees all whose owner asked for it last through this connection.
    package mutating func closed(_ connection: ConnectionKey) {
        for group in self.groupsOfConnection.removeValue(forKey: connection) ?? [] {
            self.removeAll(of: group) { $0.connection == connection }
        }
    }

    /// Time has passed: locks that ended a while ago are forgotten.
    package mutating func advance(to now: Tick) {
        guard let sweepAt, sweepAt <= now else { return }
        let lifetime = self.lifetime
        for group in Array(self.locks.keys) {
            self.removeAll(of: group) { now >= $0.renewedAt + lifetime }
        }
        self.groupsOfConnection = [:]
        for (group, locks) in self.locks {
            for lock in locks.values {
                self.groupsOfConnection[lock.connection, default: []].insert(group)
            }
        }
        self.sweepAt = self.locks.isEmpty ? nil : now + self.lifetime
    }

    private func isValid(_ lock: Lock, at now: Tick) -> Bool {
        now < lock.renewedAt + self.lifetime
    }

    private mutating func removeAll(of group: String, where isOver: (Lock) -> Bool) {
        guard let before = self.locks[group] else { return }
        let over = before.filter { isOver($0.value) }
        guard !over.isEmpty else { return }
        self.changed[group, default: []].formUnion(over.keys)
        let left = before.filter { over[$0.key] == nil }
        self.count -= over.count
        self.locks[group] = left.isEmpty ? nil : left
    }

    package func checkInvariants() {
        precondition(self.count == self.locks.values.reduce(0) { $0 + $1.count })
        precondition(self.count <= self.countMax)
        precondition(self.locks.values.allSatisfy { !$0.isEmpty })
        for (group, locks) in self.locks {
            for lock in locks.values {
                precondition(self.groupsOfConnection[lock.connection]?.contains(group) == true)
            }
        }
        precondition(self.locks.isEmpty || self.sweepAt != nil)
    }
}
