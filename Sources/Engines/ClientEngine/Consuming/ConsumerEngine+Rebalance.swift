import ClientCore
import MessageFormat
import RemotingProtocol

// Who has which queue.
extension ConsumerEngine {
    mutating func routeChanged(_ route: TopicRoute, at now: Tick) {
        self.heartbeats.use(Set(self.routes.routes.flatMap(\.addresses)), at: now)
        self.beat(at: now)
        self.rebalance.request(at: now)
        self.abandonPulls(from: route, at: now)
        self.abandonOrderedPulls(from: route, at: now)
        self.renewLocks(of: route, at: now)
        self.advance(to: now)
    }

    /// A pull that is held by a broker which is no longer responsible would be held in vain; and
    /// what failed at the old master is tried at the new one at once.
    private mutating func abandonPulls(from route: TopicRoute, at now: Tick) {
        for (id, queue) in self.assigned where queue.queue.topic == route.topic {
            switch queue.phase {
            case .pulling(let token, let address, _):
                let responsible = route.address(
                    of: queue.queue.brokerName, preferring: queue.brokerID)
                guard responsible != address else { continue }
                self.asking[token] = nil
                self.assigned[id]?.phase = .ready(dueAt: now)
            case .ready where queue.failures > 0:
                self.assigned[id]?.phase = .ready(dueAt: now)
            case .locating: self.assigned[id]?.phase = .locating(dueAt: now)
            case .ready, .askingStored, .askingStart, .anchoring: break
            }
        }
    }

    /// Asks, for each topic, one of its brokers who the members are.
    mutating func askMembers(at now: Tick) {
        for topic in self.subscriptions.keys.sorted() {
            guard let route = self.routes.route(of: topic) else { continue }
            if let queues = self.queuesWithoutQuestion(route) {
                self.apply(queues, of: topic, at: now)
                continue
            }
            guard !self.membership.values.contains(where: { $0.topic == topic }) else {
                self.rebalance.retry(after: .milliseconds(100), at: now)
                continue
            }
            let brokers = route.brokers.keys.sorted()
            guard !brokers.isEmpty else { continue }
            // Another broker each time: one that hangs must not stop the rebalance for long.
            self.lastAskedBroker &+= 1
            let broker = brokers[self.lastAskedBroker % brokers.count]
            guard let address = route.address(of: broker) else { continue }
            let token = self.call(
                MembershipRequest.members(of: self.configuration.group), to: address,
                timeout: .seconds(1))
            self.membership[token] = MembershipQuestion(topic: topic, address: address)
        }
    }

    /// The queues to take if it does not matter who else is there.
    private func queuesWithoutQuestion(_ route: TopicRoute) -> [MessageQueue]? {
        if let byHand = self.configuration.queuesByHand {
            return route.readQueues.filter { byHand.contains($0) }
        }
        return self.configuration.model == .broadcasting ? route.readQueues : nil
    }

    /// - Parameter members: nil if the broker knows none or could not be asked.
    mutating func membersAnswered(
        _ question: MembershipQuestion, _ members: [String]?, at now: Tick
    ) {
        guard !self.isClosing, let route = self.routes.route(of: question.topic) else { return }
        guard let members, members.contains(self.configuration.clientID) else {
            // The broker has not heard of this consumer: what it says about shares is no use, and
            // what is assigned stays.
            self.heartbeats.renew(question.address, at: now)
            self.rebalance.retry(after: .milliseconds(200), at: now)
            return self.beat(at: now)
        }
        let share = self.allocation(of: question.topic).share(
            of: self.configuration.clientID, queues: route.readQueues, consumers: members)
        self.apply(share.filter { $0.topic == question.topic }, of: question.topic, at: now)
    }

    /// Who names the queues to take by hand cannot name those of the retries.
    private func allocation(of topic: String) -> GroupAllocation {
        guard case .config = self.configuration.allocation,
            topic == RetryRequests.topic(of: self.configuration.group)
        else { return self.configuration.allocation }
        return .average
    }

    private mutating func apply(_ share: [MessageQueue], of topic: String, at now: Tick) {
        let wanted = Set(share)
        let held = self.assignments.filter { $0.key.topic == topic }.sorted { $0.key < $1.key }
        for (queue, id) in held where !wanted.contains(queue) {
            self.revoke(id, isLost: true)
            self.release(id, at: now)
        }
        for queue in share where self.assignments[queue] == nil {
            if let order = self.configuration.order {
                self.assignOrdered(queue, order, at: now)
            } else {
                self.work(on: self.assign(queue, at: now), at: now)
            }
        }
        self.askForLocks(at: now)
    }

    mutating func assign(_ queue: MessageQueue, at now: Tick) -> AssignmentID {
        self.lastAssignment += 1
        let id = AssignmentID(self.lastAssignment)
        self.assigned[id] = AssignedQueue(
            id: id, queue: queue, limits: self.configuration.buffer, at: now)
        self.assignments[queue] = id
        self.effects.append(.assigned(queue, id))
        return id
    }

    /// Takes a queue away, after a last commit.
    ///
    /// - Parameter isLost: whether it is somebody else's already.
    mutating func revoke(_ id: AssignmentID, isLost: Bool) {
        guard let queue = self.assigned[id] else { return }
        if self.usesBrokerOffsets, queue.isLocated,
            let last = self.commits.ended(
                queue.queue, at: queue.buffer.commitOffset, isLost: isLost)
        {
            self.commit([last])
        }
        self.drop(id)
    }

    /// Takes a queue away as it is.
    mutating func drop(_ id: AssignmentID) {
        guard let queue = self.assigned.removeValue(forKey: id) else { return }
        self.assignments[queue.queue] = nil
        self.effects.append(.revoked(queue.queue, id))
    }
}

// Heartbeats and commits.
extension ConsumerEngine {
    mutating func beat(at now: Tick) {
        let addresses = self.heartbeats.due(at: now)
        guard !addresses.isEmpty else { return }
        let consumer = ConsumerData(
            group: self.configuration.group, messageModel: self.configuration.model,
            consumeFromWhere: self.configuration.start.wireName,
            subscriptions: self.subscriptions.values.sorted { $0.topic < $1.topic })
        let command = MembershipRequest.heartbeat(
            HeartbeatData(clientID: self.configuration.clientID, consumers: [consumer]),
            lease: self.configuration.lease)
        for address in addresses {
            let token = self.call(command, to: address, timeout: self.configuration.callTimeout)
            self.heartbeats.started(address, token)
        }
    }

    /// A heartbeat ended. A broker that has just heard of this consumer can say who else is there.
    mutating func beaten(_ token: CallToken, _ result: CallResult, at now: Tick) {
        let isAnswered = (try? result.get())?.responseCode == .success
        guard let address = self.heartbeats.ended(token, isAnswered: isAnswered, at: now),
            isAnswered
        else { return }
        if self.greeted.insert(address).inserted || self.assignments.isEmpty {
            self.rebalance.request(at: now)
        }
        self.advance(to: now)
    }

    mutating func commitIfDue(at now: Tick) {
        guard self.commits.dueAt <= now else { return }
        let due = self.commits.due(self.progress(at: now), at: now)
        if self.usesBrokerOffsets { self.commit(due) } else if !due.isEmpty { self.keepOffsets() }
    }

    private func progress(at now: Tick) -> [(MessageQueue, QueueOffset)] {
        self.assigned.values.filter(\.isLocated).map { ($0.queue, $0.buffer.commitOffset) }
            + self.ordered.queues.values.compactMap { queue in
                queue.order.commitOffset(at: now).map { (queue.queue, $0) }
            }
    }

    /// Whether the offsets of a broadcasting consumer are of interest.
    var keepsOffsets: Bool { !self.usesBrokerOffsets && self.configuration.keepsOffsets }

    /// Queues that were given up keep their last offset.
    mutating func keepOffsets() {
        guard self.keepsOffsets else { return }
        for (queue, offset) in self.progress(at: self.lastAdvance) {
            self.configuration.knownOffsets[queue] = offset
        }
        self.effects.append(.keepOffsets(self.configuration.knownOffsets))
    }

    mutating func commit(_ commits: [OffsetCommits.Commit]) {
        for commit in commits {
            guard let address = self.address(of: commit.queue) else {
                self.commits.answered(commit, isConfirmed: false)
                continue
            }
            let token = self.call(
                OffsetRequest.commit(self.configuration.group, commit.queue, commit.offset),
                to: address, timeout: self.configuration.callTimeout)
            self.committing[token] = commit
        }
    }
}
