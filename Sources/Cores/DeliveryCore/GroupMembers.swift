internal import MessageFormat

/// The members of one group, by connection, and the client ids among them.
///
/// Invariant: `clientIDs` holds the id of each member once, in the clients' order.
package struct GroupMembers: Sendable {
    private var byConnection: [ConnectionKey: GroupMember] = [:]
    /// Kept sorted, because every change of the group is told to all of them.
    private var order = SortedNumbers<ConnectionKey>()
    private var connectionsOfClient: [String: Int] = [:]

    /// Sorted as clients sort it before they share queues out. A client that is connected twice
    /// counts once.
    package private(set) var clientIDs: [String] = []

    /// About how much memory the members take.
    private(set) var bytes = 0

    package init() {}

    package var isEmpty: Bool { self.byConnection.isEmpty }
    package var count: Int { self.byConnection.count }
    /// Sorted.
    package var connections: [ConnectionKey] { self.order.numbers }

    /// All members, by connection.
    package var sorted: [GroupMember] {
        self.order.numbers.compactMap { self.byConnection[$0] }
    }

    package subscript(connection: ConnectionKey) -> GroupMember? { self.byConnection[connection] }

    /// Takes a member in, or refreshes it. Returns whether the set of members changed.
    mutating func insert(_ member: GroupMember) -> Bool {
        let previous = self.byConnection.updateValue(member, forKey: member.connection)
        self.bytes += member.bytes - (previous?.bytes ?? 0)
        if let previous, previous.clientID == member.clientID { return false }
        if let previous { self.forget(clientID: previous.clientID) }
        self.order.insert(member.connection)
        self.remember(clientID: member.clientID)
        return true
    }

    /// Returns the member that left, if it was one.
    mutating func remove(_ connection: ConnectionKey) -> GroupMember? {
        guard let member = self.byConnection.removeValue(forKey: connection) else { return nil }
        self.bytes -= member.bytes
        self.order.remove(connection)
        self.forget(clientID: member.clientID)
        return member
    }

    /// Connections that were silent for too long, sorted.
    func silent(at now: Tick, after silenceMax: Duration, awake: Tick = .zero) -> [ConnectionKey] {
        self.byConnection.values.filter {
            $0.silentAt(after: silenceMax, awake: awake) <= now
        }.map(\.connection).sorted()
    }

    /// When the first of them falls silent.
    func silentAt(after silenceMax: Duration, awake: Tick = .zero) -> Tick? {
        self.byConnection.values.lazy.map { $0.silentAt(after: silenceMax, awake: awake) }.min()
    }

    private mutating func remember(clientID: String) {
        self.connectionsOfClient[clientID, default: 0] += 1
        guard self.connectionsOfClient[clientID] == 1 else { return }
        self.clientIDs.insert(clientID, at: self.place(of: clientID))
    }

    private mutating func forget(clientID: String) {
        let left = (self.connectionsOfClient[clientID] ?? 1) - 1
        guard left == 0 else {
            self.connectionsOfClient[clientID] = left
            return
        }
        self.connectionsOfClient[clientID] = nil
        let place = self.place(of: clientID)
        if place < self.clientIDs.count, self.clientIDs[place] == clientID {
            self.clientIDs.remove(at: place)
        } else {
            // Equal texts may have different code units; then the order does not find them.
            self.clientIDs.removeAll { $0 == clientID }
        }
    }

    /// The first place whose id does not come before `clientID`.
    private func place(of clientID: String) -> Int {
        var low = 0
        var high = self.clientIDs.count
        while low < high {
            let middle = (low + high) / 2
            if WireOrder.precedes(self.clientIDs[middle], clientID) {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return low
    }

    package func checkInvariants() {
        precondition(self.bytes == self.byConnection.values.reduce(0) { $0 + $1.bytes })
        let ids = Set(self.byConnection.values.map(\.clientID))
        precondition(Set(self.clientIDs) == ids, "client ids are those of the members")
        precondition(self.clientIDs.count == ids.count, "a client id counts once")
        self.order.checkInvariants()
        precondition(Set(self.order.numbers) == Set(self.byConnection.keys))
        precondition(self.connectionsOfClient.values.allSatisfy { $0 > 0 })
        precondition(self.connectionsOfClient.values.reduce(0, +) == self.count)
        let pairs = zip(self.clientIDs, self.clientIDs.dropFirst())
        precondition(pairs.allSatisfy { !WireOrder.precedes($1, $0) }, "client ids are sorted")
    }
}

/// The order in which all clients sort ids: by UTF-16 code units, as Java compares strings.
package enum WireOrder {
    package static func precedes(_ left: String, _ right: String) -> Bool {
        left.utf16.lexicographicallyPrecedes(right.utf16)
    }
}
