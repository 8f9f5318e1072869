package import MessageFormat

/// Who produces in which group. Nobody is told of changes; the broker itself asks when it needs a
/// producer of a group, or the connection of a client.
package struct ProducerGroups: Sendable {
    private let limits: MembershipLimits
    private var groups: [String: GroupMembers] = [:]
    private var groupsOfConnection: [ConnectionKey: Set<String>] = [:]
    private var quietUntil: Tick?
    private var turns: UInt64 = 0
    /// Through which connections a client is here, and in how many groups each.
    private var connectionsOfClient: [String: [ConnectionKey: Int]] = [:]

    /// Heartbeats that were ignored: the connection is in too many groups, or all clients together
    /// say too much.
    package private(set) var refusedCount = 0
    /// About how much memory all members take.
    private var bytes = 0

    package init(limits: MembershipLimits = MembershipLimits()) { self.limits = limits }

    package mutating func heartbeat(group name: String, member: GroupMember, at now: Tick) {
        let known = self.groupsOfConnection[member.connection]
        if let known, !known.contains(name), known.count >= self.limits.groupsPerConnectionMax {
            self.refusedCount += 1
            return
        }
        let growth = member.bytes - (self.groups[name]?[member.connection]?.bytes ?? 0)
        guard growth <= 0 || self.bytes + growth <= self.limits.bytesMax else {
            self.refusedCount += 1
            return
        }
        self.bytes += growth
        self.groupsOfConnection[member.connection, default: []].insert(name)
        var member = member
        member.lastSeen = now
        let before = self.groups[name]?[member.connection]
        _ = self.groups[name, default: GroupMembers()].insert(member)
        if before?.clientID != member.clientID {
            if let before { self.forget(before) }
            self.connectionsOfClient[member.clientID, default: [:]][
                member.connection, default: 0] += 1
        }
        self.quietUntil = self.quietUntil ?? now + self.limits.silenceMax
    }

    package mutating func unregister(
        group name: String, clientID: String, connection: ConnectionKey
    ) {
        guard self.groups[name]?[connection]?.clientID == clientID else { return }
        self.remove(connection, from: name)
    }

    package mutating func closed(_ connection: ConnectionKey) {
        for name in self.groupsOfConnection[connection, default: []] {
            self.remove(connection, from: name)
        }
    }

    /// Time has passed: members that were silent for too long leave.
    package mutating func advance(to now: Tick) {
        guard let quietUntil, quietUntil <= now else { return }
        let silenceMax = self.limits.silenceMax
        for (name, members) in self.groups {
            for connection in members.silent(at: now, after: silenceMax) {
                self.remove(connection, from: name)
            }
        }
        self.quietUntil = self.groups.values.lazy.compactMap {
            $0.silentAt(after: silenceMax)
        }.min()
    }

    private mutating func forget(_ member: GroupMember) {
        let left = (self.connectionsOfClient[member.clientID]?[member.connection] ?? 1) - 1
        self.connectionsOfClient[member.clientID]?[member.connection] = left == 0 ? nil : left
        if self.connectionsOfClient[member.clientID]?.isEmpty == true {
            self.connectionsOfClient[member.clientID] = nil
        }
    }

    private mutating func remove(_ connection: ConnectionKey, from name: String) {
        if let member = self.groups[name]?.remove(connection) {
            self.bytes -= member.bytes
            self.forget(member)
        }
        if self.groups[name]?.isEmpty == true { self.groups[name] = nil }
        self.groupsOfConnection[connection]?.remove(name)
        if self.groupsOfConnection[connection]?.isEmpty == true {
            self.groupsOfConnection[connection] = nil
        }
    }
}

extension ProducerGroups {
    /// Names of the groups that are online, sorted.
    package var names: [String] { self.groups.keys.sorted() }

    /// Members of a group, by connection.
    package func members(of group: String) -> [GroupMember] { self.groups[group]?.sorted ?? [] }

    package func clientIDs(of group: String) -> [String] { self.groups[group]?.clientIDs ?? [] }

    /// Whose turn it is to answer what any member can. Nil: nobody is online.
    package mutating func next(of group: String) -> ConnectionKey? {
        guard let connections = self.groups[group]?.connections, !connections.isEmpty else {
            return nil
        }
        self.turns &+= 1
        return connections[Int(self.turns % UInt64(connections.count))]
    }

    /// The newest connection of a client. Nil: it is not online.
    package func connection(ofClient clientID: String) -> ConnectionKey? {
        self.connectionsOfClient[clientID]?.keys.max()
    }

    package func checkInvariants() {
        precondition(self.bytes == self.groups.values.reduce(0) { $0 + $1.bytes })
        let counted = self.connectionsOfClient.values.reduce(0) { $0 + $1.values.reduce(0, +) }
        precondition(counted == self.groups.values.reduce(0) { $0 + $1.count })
        for (name, members) in self.groups {
            precondition(!members.isEmpty, "no group is empty")
            members.checkInvariants()
            for connection in members.connections {
                precondition(self.groupsOfConnection[connection]?.contains(name) == true)
            }
            precondition(self.quietUntil != nil, "somebody watches the members' silence")
        }
        for (connection, names) in self.groupsOfConnection {
            precondition(!names.isEmpty, "a connection without groups is forgotten")
            precondition(names.allSatisfy { self.groups[$0]?[connection] != nil })
        }
    }
}
