package import MessageFormat

/// What a broker says about itself.
package struct BrokerRegistration: Hashable, Sendable {
    package var cluster: String
    package var name: String
    package var id: Int64
    package var address: String
    package var replicationAddress = ""
    /// How long a silence means death, in milliseconds.
    package var silenceMilliseconds: Int64?
    /// Whether a replica may stand in for the master. Old brokers do not know of it: nil.
    package var enableActingMaster: Bool?
    /// All its topics, or the changed ones.
    package var topics: [TopicConfig]
    /// The version of all its topics, also when only some of them are sent.
    package var dataVersion: DataVersion

    package init(
        cluster: String, name: String, id: Int64, address: String, topics: [TopicConfig],
        dataVersion: DataVersion
    ) {
        self.cluster = cluster
        self.name = name
        self.id = id
        self.address = address
        self.topics = topics
        self.dataVersion = dataVersion
    }
}

/// What became of a registration that was not refused.
package enum RegistrationOutcome: Hashable, Sendable {
    /// The broker is known now. `isNew`: it was not before, at this address with this id.
    /// `master`: whom a replica follows.
    case accepted(isNew: Bool, master: BrokerGroup.Member?)
    /// The id belongs to a broker with a newer state: a deposed master that has not heard of it.
    /// Nothing was kept, and the broker is not told (`cluster.md` §1).
    case outdated(holder: String)
}

extension RouteTable {
    /// A broker registers, with all its topics or with those that changed.
    ///
    /// - The same address under another id (a replica became master) replaces the old id.
    /// - Another address under the same id replaces the holder, unless the holder's
    ///   `stateVersion` is larger: mastership is decided elsewhere, and that number says who is newer.
    /// - Topics are taken from the master, or from the smallest id when the sender knows of acting
    ///   masters, and only if the data version differs from the known one.
    /// - Topics that are not named stay: the wire does not tell a full registration from an
    ///   incremental one. Deleted topics are taken out by `deleteTopic`.
    ///
    /// For the same reason **a first registration with exactly one topic is refused**: it would be
    /// the change of a table that this name server has never seen, and routes would lack all other
    /// topics until the next full registration. A broker whose data version counts no change since
    /// its start (counter 0) has nothing incremental to send: its one topic is all it has, and it is
    /// accepted.
    package mutating func register(
        _ registration: BrokerRegistration, over link: BrokerLink, at now: Tick
    ) throws(RegistrationError) -> RegistrationOutcome {
        if let holder = self.newerHolder(than: registration) { return .outdated(holder: holder) }
        try self.check(registration)

        let isNew = self.enter(registration, over: link, at: now)
        let master =
            registration.id == BrokerGroup.masterID ? nil : self.groups[registration.name]?.master
        return .accepted(isNew: isNew, master: master)
    }

    private func newerHolder(than registration: BrokerRegistration) -> String? {
        guard let holder = self.groups[registration.name]?.members[registration.id],
            holder.address != registration.address,
            holder.dataVersion.stateVersion > registration.dataVersion.stateVersion
        else { return nil }
        return holder.address
    }

    /// Puts the broker into its group and its topics into the table. Returns whether it is new.
    private mutating func enter(
        _ registration: BrokerRegistration, over link: BrokerLink, at now: Tick
    ) -> Bool {
        let name = registration.name
        var group = self.groups[name] ?? BrokerGroup(cluster: registration.cluster)
        if let oldID = group.id(at: registration.address), oldID != registration.id {
            group.members[oldID] = nil
            self.live.removed(BrokerKey(name: name, id: oldID))
        }
        let known = group.members[registration.id]
        group.members[registration.id] = BrokerGroup.Member(
            address: registration.address, replicationAddress: registration.replicationAddress,
            dataVersion: registration.dataVersion)
        group.cluster = registration.cluster
        group.usesActingMaster = registration.enableActingMaster ?? false
        self.groups[name] = group
        self.live.registered(
            BrokerKey(name: name, id: registration.id), over: link, at: now,
            silenceMax: self.limits.silence(asked: registration.silenceMilliseconds))

        let isNew = known?.address != registration.address
        self.takeTopics(
            of: registration, in: group,
            unlessKnown: isNew ? nil : known?.dataVersion)
        return isNew
    }

    private mutating func takeTopics(
        of registration: BrokerRegistration, in group: BrokerGroup,
        unlessKnown known: DataVersion?
    ) {
        let isMaster = registration.id == BrokerGroup.masterID
        let isPrimeReplica =
            registration.enableActingMaster != nil && registration.id == group.smallestID
        guard isMaster || isPrimeReplica else { return }

        let isChanged = known != registration.dataVersion
        for topic in registration.topics {
            let isMissing = self.topics.share(of: topic.name, on: registration.name) == nil
            guard isChanged || isMissing else { continue }
            var share = QueueShare(topic)
            if !isMaster, group.usesActingMaster { share.permission.remove(.write) }
            self.topics.set(share, of: topic.name, on: registration.name)
        }
    }
}

extension RouteTable {
    /// A broker that is known has a new or changed topic.
    package mutating func registerTopic(
        _ topic: String, shares: [(broker: String, share: QueueShare)]
    ) throws(RegistrationError) {
        try self.check(name: topic, field: "topic")
        for (broker, share) in shares {
            guard self.groups[broker] != nil else { throw .notRegistered(broker: broker) }
            try self.check(share, of: topic)
        }
        let brokers = Set(shares.map(\.broker))
        try self.checkRoom(
            topics: self.topics.shares(of: topic) == nil ? 1 : 0,
            shares: brokers.filter { self.topics.share(of: topic, on: $0) == nil }.count)
        for (broker, share) in shares { self.topics.set(share, of: topic, on: broker) }
    }
}
