package import MessageFormat

/// What a name server knows: which brokers serve, and which topics each of them has.
///
/// Everything here is what brokers said about themselves and is gone when they are. Brokers bring it
/// back by registering, so nothing is stored and name servers need not agree with each other.
///
/// A broker is taken out **at once** when the connection closes over which it registered last, or
/// after a silence (`BrokerLiveTable`). Its topics go with the last broker of its name.
package struct RouteTable: Sendable {
    package let limits: RoutingLimits

    /// The broker groups, by broker name. No group is without members.
    internal(set) package var groups: [String: BrokerGroup] = [:]
    /// Who serves which topic. Names only brokers that are in `groups`.
    internal(set) package var topics = TopicTable()
    /// When each member of each group was heard from.
    var live = BrokerLiveTable()
    private var advancedAt: Tick?

    package init(limits: RoutingLimits = RoutingLimits()) { self.limits = limits }
}

extension RouteTable {
    /// A broker that is no longer known.
    package struct Departure: Hashable, Sendable {
        package var broker: BrokerKey
        package var address: String
        /// The connection over which it had registered last.
        package var link: BrokerLink
    }

    /// A broker says that it is alive. Unknown brokers are ignored: only a registration adds one.
    package mutating func heartbeat(name: String, address: String, at now: Tick) {
        guard let id = self.groups[name]?.id(at: address) else { return }
        self.live.heard(BrokerKey(name: name, id: id), at: now)
    }

    /// The data version of a broker's last registration. To ask for the very version that is known
    /// counts as a heartbeat: the broker then has no reason to register again.
    package mutating func confirmVersion(
        _ version: DataVersion, name: String, address: String, at now: Tick
    ) -> DataVersion? {
        let known = self.groups[name]?.member(at: address)?.dataVersion
        if known == version { self.heartbeat(name: name, address: address, at: now) }
        return known
    }

    /// A broker signs off. Found by its address, because its id changes with its role.
    package mutating func unregister(name: String, address: String) -> Departure? {
        guard let id = self.groups[name]?.id(at: address) else { return nil }
        return self.remove(BrokerKey(name: name, id: id))
    }

    /// A connection closed. Whoever registered over it last is gone, without waiting for a timeout.
    package mutating func closed(_ link: BrokerLink) -> [Departure] {
        self.live.brokers(over: link).compactMap { self.remove($0) }
    }

    /// Time has passed: removes the brokers that were silent for too long. To be called every second.
    ///
    /// After a longer gap it was this process that did not run, and the brokers' heartbeats still wait
    /// to be read: the gap does not count as silence.
    package mutating func advance(to now: Tick) -> [Departure] {
        let gap = now - (self.advancedAt ?? now)
        self.advancedAt = now
        if gap > self.limits.pauseMax { self.live.forgive(gap, at: now) }
        return self.live.silent(at: now).compactMap { self.remove($0) }
    }

    private mutating func remove(_ broker: BrokerKey) -> Departure? {
        let link = self.live.removed(broker)
        guard let link, var group = self.groups[broker.name],
            let member = group.members.removeValue(forKey: broker.id)
        else { return nil }

        self.groups[broker.name] = group.members.isEmpty ? nil : group
        if group.members.isEmpty {
            self.topics.removeAll(of: broker.name)
        } else if group.usesActingMaster, group.master == nil {
            // A replica stands in for the master, for reading only.
            self.topics.change(on: broker.name) { $0.permission.remove(.write) }
        }
        return Departure(broker: broker, address: member.address, link: link)
    }
}

extension RouteTable {
    /// What is wrong with the table, for tests: empty after every step.
    package func checkInvariants() -> [String] {
        var problems = self.live.checkInvariants() + self.topics.checkInvariants()
        let members = self.groups.flatMap { name, group in
            group.members.keys.map { BrokerKey(name: name, id: $0) }
        }
        if Set(members) != self.live.brokers {
            problems.append("the members of all groups are not the brokers that are watched")
        }
        for (name, group) in self.groups {
            if group.members.isEmpty { problems.append("group \(name) has no member") }
            if Set(group.members.values.map(\.address)).count != group.members.count {
                problems.append("two members of \(name) have the same address")
            }
        }
        for name in self.topics.brokerNames where self.groups[name] == nil {
            problems.append("a topic names \(name), which is not registered")
        }
        return problems
    }
}
