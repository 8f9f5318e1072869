import MessageFormat

/// What a registration must fulfil before any of it is kept.
extension RouteTable {
    func check(_ registration: BrokerRegistration) throws(RegistrationError) {
        try self.check(name: registration.cluster, field: "clusterName")
        try self.check(name: registration.name, field: "brokerName")
        try self.check(name: registration.address, field: "brokerAddr")
        if !registration.replicationAddress.isEmpty {
            try self.check(name: registration.replicationAddress, field: "haServerAddr")
        }
        guard registration.id >= 0 else { throw .negativeBrokerID(registration.id) }
        try self.checkGroup(of: registration)
        try self.checkTopics(of: registration)
    }

    func check(name: String, field: String) throws(RegistrationError) {
        if let problem = self.limits.problem(with: name) {
            throw .badName(field: field, problem: problem)
        }
    }

    func check(_ share: QueueShare, of topic: String) throws(RegistrationError) {
        let allowed = 0...self.limits.queuesMax
        guard allowed.contains(share.readQueues), allowed.contains(share.writeQueues) else {
            throw .badQueues(
                topic: topic, read: share.readQueues, write: share.writeQueues,
                max: self.limits.queuesMax)
        }
    }

    func checkRoom(topics: Int, shares: Int) throws(RegistrationError) {
        guard self.topics.count + topics <= self.limits.topicsMax else {
            throw .tooManyTopics(max: self.limits.topicsMax)
        }
        guard self.topics.shareCount + shares <= self.limits.sharesMax else {
            throw .tooManyShares(max: self.limits.sharesMax)
        }
    }

    private func checkGroup(of registration: BrokerRegistration) throws(RegistrationError) {
        let group = self.groups[registration.name]
        let isKnown = group?.id(at: registration.address) != nil
        if let group, group.cluster != registration.cluster,
            group.members.values.contains(where: { $0.address != registration.address })
        {
            throw .nameTaken(broker: registration.name, cluster: group.cluster)
        }
        if !isKnown, let topic = registration.topics.first, registration.topics.count == 1,
            registration.dataVersion.counter > 0
        {
            throw .incrementalBeforeFull(broker: registration.name, topic: topic.name)
        }
        guard isKnown || self.live.count < self.limits.brokersMax else {
            throw .tooManyBrokers(max: self.limits.brokersMax)
        }
    }

    private func checkTopics(of registration: BrokerRegistration) throws(RegistrationError) {
        var newTopics: Set<String> = []
        var newShares: Set<String> = []
        for topic in registration.topics {
            try self.check(name: topic.name, field: "topicName")
            try self.check(QueueShare(topic), of: topic.name)
            guard let shares = self.topics.shares(of: topic.name) else {
                newTopics.insert(topic.name)
                newShares.insert(topic.name)
                continue
            }
            if shares[registration.name] == nil { newShares.insert(topic.name) }
        }
        try self.checkRoom(topics: newTopics.count, shares: newShares.count)
    }
}
