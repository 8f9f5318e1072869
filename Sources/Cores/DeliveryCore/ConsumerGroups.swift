package import MessageFormat

/// Who consumes in which group, and who must hear that this changed (`requests.md` §4).
///
/// A member is a connection. It is gone when the connection closes, when it unregisters, or when
/// it stayed silent for too long. A group without members is forgotten: what it had subscribed
/// to comes back with the next heartbeat.
package struct ConsumerGroups: Sendable {
    package enum Effect: Hashable, Sendable {
        /// Tell these connections, sorted, that they should share the queues out again.
        case notifyMembers(group: String, [ConnectionKey])
    }

    private let limits: MembershipLimits
    private var groups: [String: ConsumerGroup] = [:]
    private var groupsOfConnection: [ConnectionKey: Set<String>] = [:]

    /// No member falls silent before this; heartbeats only make the truth later.
    private var quietUntil: Tick?
    private var lastAdvance: Tick?
    /// Until then no time passed for this broker. Leases begin anew.
    private var awake = Tick.zero

    /// Heartbeats that were ignored: the connection is in too many groups, or all clients together
    /// say too much.
    package private(set) var refusedCount = 0
    /// About how much memory all groups take.
    private var bytes = 0

    /// What happened since it was last taken; beyond a bound it is forgotten.
    private var changes: [MembershipChange] = []
    private static let changesMax = 4_096
    /// Who fell silent since this was last asked.
    private var silent: [SilentMember] = []

    package init(limits: MembershipLimits = MembershipLimits()) { self.limits = limits }

    /// A member reported itself. `subscriptions` nil: it left them out, those known stay.
    package mutating func heartbeat(
        group name: String, member: GroupMember, type: ConsumerGroup.ConsumeType,
        model: ConsumerGroup.MessageModel, from: ConsumerGroup.ConsumeFrom,
        subscriptions: [Subscription]?, notifyEnabled: Bool, at now: Tick
    ) -> [Effect] {
        var group =
            self.groups[name]
            ?? ConsumerGroup(
                name: name, type: type, model: model, from: from, notifyEnabled: notifyEnabled)
        let growth = group.growth(by: member, subscriptions)
        guard growth <= 0 || self.bytes + growth <= self.limits.bytesMax,
            self.admit(member.connection, to: name)
        else {
            self.refusedCount += 1
            return []
        }
        if let known = self.groups.removeValue(forKey: name) { self.bytes -= known.bytes }
        group.type = type
        group.model = model
        group.from = from
        group.notifyEnabled = notifyEnabled
        var member = member
        member.lastSeen = now
        member.lease = member.lease.map {
            min(max($0, self.limits.leaseMin), self.limits.silenceMax)
        }
        let membersChanged = group.members.insert(member)
        let subscriptionsChanged =
            subscriptions.map {
                group.subscribe($0, atMost: self.limits.subscriptionsPerGroupMax)
            } ?? false
        self.bytes += group.bytes
        self.groups[name] = group
        if membersChanged || subscriptionsChanged {
            self.note(membersChanged ? .joined : .subscriptionChanged, member, group)
        }
        let silentAt = member.silentAt(after: self.limits.silenceMax, awake: self.awake)
        self.quietUntil = min(self.quietUntil ?? silentAt, silentAt)
        return membersChanged || subscriptionsChanged ? self.notification(for: group) : []
    }

    /// A member says goodbye.
    package mutating func unregister(
        group name: String, clientID: String, connection: ConnectionKey, notifyEnabled: Bool
    ) -> [Effect] {
        guard self.groups[name]?.members[connection]?.clientID == clientID else { return [] }
        self.groups[name]?.notifyEnabled = notifyEnabled
        return self.remove([connection], from: name, because: .unregistered)
    }

    /// A connection closed: its groups hear of it at once.
    package mutating func closed(_ connection: ConnectionKey) -> [Effect] {
        let names = self.groupsOfConnection[connection, default: []].sorted()
        return names.flatMap {
            self.remove([connection], from: $0, because: .connectionClosed)
        }
    }

    /// Time has passed: members that were silent for too long leave.
    package mutating func advance(to now: Tick) -> [Effect] {
        if let lastAdvance, now - lastAdvance >= self.limits.stallMin { self.awake = now }
        self.lastAdvance = now
        guard let quietUntil, quietUntil <= now else { return [] }
        let (silenceMax, awake) = (self.limits.silenceMax, self.awake)
        let effects = self.groups.keys.sorted().flatMap { name in
            self.remove(
                self.groups[name]?.members.silent(at: now, after: silenceMax, awake: awake) ?? [],
                from: name, because: .silent)
        }
        self.quietUntil = self.groups.values.lazy.compactMap {
            $0.members.silentAt(after: silenceMax, awake: awake)
        }.min()
        return effects
    }

    private mutating func admit(_ connection: ConnectionKey, to group: String) -> Bool {
        let known = self.groupsOfConnection[connection]
        if let known, !known.contains(group), known.count >= self.limits.groupsPerConnectionMax {
            return false
        }
        self.groupsOfConnection[connection, default: []].insert(group)
        return true
    }

    private mutating func remove(
        _ connections: [ConnectionKey], from name: String, because reason: MembershipChange.Kind
    ) -> [Effect] {
        guard !connections.isEmpty, var group = self.groups.removeValue(forKey: name) else {
            return []
        }
        self.bytes -= group.bytes
        for connection in connections {
            if reason == .silent { self.silent.append(.init(group: name, connection: connection)) }
            if let member = group.members.remove(connection) { self.note(reason, member, group) }
            self.groupsOfConnection[connection]?.remove(name)
            if self.groupsOfConnection[connection]?.isEmpty == true {
                self.groupsOfConnection[connection] = nil
            }
        }
        if !group.members.isEmpty {
            self.bytes += group.bytes
            self.groups[name] = group
        }
        return self.notification(for: group)
    }

    private mutating func note(
        _ kind: MembershipChange.Kind, _ member: GroupMember, _ group: ConsumerGroup
    ) {
        guard self.changes.count < Self.changesMax else { return }
        self.changes.append(
            MembershipChange(
                group: group.name, clientID: member.clientID, address: member.address, kind: kind,
                members: group.members.count))
    }

    /// Who came, left or changed its mind since this was last asked.
    package mutating func takeChanges() -> [MembershipChange] {
        exchange(&self.changes, with: [])
    }

    /// Members that were given up since this was last asked. To be taken after each `advance`.
    package mutating func takeSilent() -> [SilentMember] { exchange(&self.silent, with: []) }

    private func notification(for group: ConsumerGroup) -> [Effect] {
        guard group.wantsNotification else { return [] }
        return [.notifyMembers(group: group.name, group.members.connections)]
    }
}

extension ConsumerGroups {
    /// Names of the groups that are online, sorted.
    package var names: [String] { self.groups.keys.sorted() }

    package func group(_ name: String) -> ConsumerGroup? { self.groups[name] }

    /// Sorted; a client that is connected twice counts once.
    package func clientIDs(of group: String) -> [String] {
        self.groups[group]?.members.clientIDs ?? []
    }

    package func subscription(group: String, topic: String) -> Subscription? {
        self.groups[group]?.subscriptions[topic]
    }

    /// Names of the groups that are subscribed to a topic, sorted. Looks at every group.
    package func groups(subscribedTo topic: String) -> [String] {
        self.groups.values.filter { $0.subscriptions[topic] != nil }.map(\.name).sorted()
    }

    /// Names of the groups that a connection is in, sorted.
    package func groups(of connection: ConnectionKey) -> [String] {
        self.groupsOfConnection[connection, default: []].sorted()
    }

    package func checkInvariants() {
        precondition(self.bytes == self.groups.values.reduce(0) { $0 + $1.bytes })
        for (name, group) in self.groups {
            precondition(name == group.name && !group.members.isEmpty, "no group is empty")
            group.members.checkInvariants()
            for connection in group.members.connections {
                precondition(self.groupsOfConnection[connection]?.contains(name) == true)
            }
            precondition(group.subscriptions.allSatisfy { $0 == $1.topic })
            let first = group.members.silentAt(after: self.limits.silenceMax, awake: self.awake)
            if let first, let quietUntil = self.quietUntil {
                precondition(quietUntil <= first, "nobody is overdue")
            } else {
                preconditionFailure("while there are members somebody watches their silence")
            }
        }
        for (connection, names) in self.groupsOfConnection {
            precondition(!names.isEmpty, "a connection without groups is forgotten")
            precondition(names.allSatisfy { self.groups[$0]?.members[connection] != nil })
        }
    }
}
