package import MessageFormat

/// Somebody came to a consumer group, left it, or changed what it wants: queues are shared out
/// again.
package struct MembershipChange: Hashable, Sendable {
    package enum Kind: Hashable, Sendable, CaseIterable {
        case joined
        case connectionClosed
        case unregistered
        case silent
        case subscriptionChanged
    }

    package var group: String
    package var clientID: String
    package var address: String
    package var kind: Kind
    /// Members after it.
    package var members: Int

    package init(group: String, clientID: String, address: String, kind: Kind, members: Int) {
        self.group = group
        self.clientID = clientID
        self.address = address
        self.kind = kind
        self.members = members
    }
}

/// Why a group's queues were shared out again, as far back as memory is meant to reach.
package struct GroupHistory: Sendable {
    package struct Event: Hashable, Sendable {
        package var at: Timestamp
        package var change: MembershipChange
        /// Orders events of different groups.
        var number: UInt64
    }

    private let eventsPerGroupMax: Int
    private let groupsMax: Int
    private var byGroup: [String: [Event]] = [:]
    private var lastNumber: UInt64 = 0

    package init(eventsPerGroupMax: Int = 64, groupsMax: Int = 4_096) {
        self.eventsPerGroupMax = eventsPerGroupMax
        self.groupsMax = groupsMax
    }

    /// The oldest first.
    package func events(of group: String) -> [Event] { self.byGroup[group] ?? [] }

    package var groupCount: Int { self.byGroup.count }

    package mutating func note(_ changes: [MembershipChange], at now: Timestamp) {
        for change in changes {
            self.lastNumber += 1
            var events = self.byGroup.removeValue(forKey: change.group) ?? []
            if events.count >= self.eventsPerGroupMax { events.removeFirst() }
            events.append(Event(at: now, change: change, number: self.lastNumber))
            self.byGroup[change.group] = events
            if self.byGroup.count > self.groupsMax { self.forgetQuietestGroup() }
        }
    }

    /// The group in which nothing has happened for longest.
    private mutating func forgetQuietestGroup() {
        let quietest = self.byGroup.min {
            ($0.value.last?.number ?? 0) < ($1.value.last?.number ?? 0)
        }
        if let quietest { self.byGroup[quietest.key] = nil }
    }
}
