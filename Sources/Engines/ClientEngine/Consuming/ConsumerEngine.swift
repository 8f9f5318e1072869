package import ClientCore
internal import DequeModule
package import MessageFormat
package import RemotingProtocol

/// A consumer of a group: shares the queues of its topics with the other members, pulls its own
/// share into bounded buffers, hands messages out, and moves offsets past what is acknowledged.
///
/// Synchronous: inputs are methods, effects gather until `takeEffects`.
package struct ConsumerEngine: Sendable {
    package typealias BufferLimits = ProcessQueue<InboundMessage>.Limits

    package struct Configuration: Sendable {
        package var group: String
        package var clientID: String
        package var nameServers: [String]
        package var subscriptions: [SubscriptionData]
        package var model = MessageModel.clustering
        package var start = StartingPoint.last
        package var allocation = QueueAllocation.average
        package var buffer = BufferLimits()
        package var messagesPerPull: Int32 = 32
        package var hold = Duration.seconds(15)
        /// Longer than a broker may hold a pull: it looks after expired ones every 5 seconds.
        package var pullTimeout = Duration.seconds(30)
        package var callTimeout = Duration.seconds(3)
        package var commitInterval = Duration.seconds(5)
        package var rebalanceInterval = Duration.seconds(20)
        package var heartbeatInterval = Duration.seconds(30)
        package var routes = RouteBook.Timing()

        package init(
            group: String, clientID: String, nameServers: [String],
            subscriptions: [SubscriptionData]
        ) {
            self.group = group
            self.clientID = clientID
            self.nameServers = nameServers
            self.subscriptions = subscriptions
        }
    }

    package enum Effect: Sendable {
        case call(ClientCall)
        /// To be answered with `pulled`, always.
        case pull(CallToken, QueuePull, address: String, timeout: Duration)
        case assigned(MessageQueue, AssignmentID)
        case revoked(MessageQueue, AssignmentID)
        /// There is something to take.
        case available
        case closed
    }

    /// A message that the user works on.
    package struct Delivery: Sendable {
        package var message: InboundMessage
        package var assignment: AssignmentID
        /// How often this consumer has given it out, this time included.
        package var deliveries: Int
    }

    let configuration: Configuration
    let subscriptions: [String: SubscriptionData]
    var routes: RouteBook
    var heartbeats: Heartbeats
    var commits: OffsetCommits
    var committing: [CallToken: OffsetCommits.Commit] = [:]
    var tokens = TokenCounter()
    var assigned: [AssignmentID: AssignedQueue] = [:]
    var assignments: [MessageQueue: AssignmentID] = [:]
    /// The queue that waits for each offset question or pull.
    var asking: [CallToken: AssignmentID] = [:]
    var lastAssignment: UInt64 = 0
    /// Assignments with something to take, in turn.
    var takeable: Deque<AssignmentID> = []
    var rebalance: RebalanceClock
    var membership: [CallToken: MembershipQuestion] = [:]
    var lastAskedBroker = 0
    var lastAdvance = Tick.zero
    /// Brokers that have answered a heartbeat since their last connection closed.
    var greeted: Set<String> = []
    /// Set while closing: the calls whose end is waited for.
    var closing: Set<CallToken>?
    var effects: [Effect] = []

    package init(_ configuration: Configuration, at now: Tick) {
        self.configuration = configuration
        self.subscriptions = Dictionary(
            configuration.subscriptions.map { ($0.topic, $0) }, uniquingKeysWith: { $1 })
        self.routes = RouteBook(
            nameServers: configuration.nameServers, usesTemplate: false,
            timing: configuration.routes)
        self.heartbeats = Heartbeats(interval: configuration.heartbeatInterval)
        self.commits = OffsetCommits(interval: configuration.commitInterval, startingAt: now)
        self.rebalance = RebalanceClock(
            interval: configuration.rebalanceInterval, startingAt: now)
    }

    package mutating func takeEffects() -> [Effect] {
        var taken: [Effect] = []
        swap(&taken, &self.effects)
        return taken
    }

    package var nextWakeAt: Tick? {
        if self.isClosing { return nil }
        let queues = self.assigned.values.map { $0.nextWakeAt(after: self.lastAdvance) }.earliest
        let commits = self.usesBrokerOffsets ? self.commits.dueAt : nil
        return [
            self.routes.nextWakeAt, self.heartbeats.nextWakeAt, self.rebalance.dueAt, commits,
            queues,
        ].earliest
    }

    var isClosing: Bool { self.closing != nil }

    /// Broadcasting consumers keep their offsets to themselves.
    var usesBrokerOffsets: Bool { self.configuration.model == .clustering }

    package var assignedQueues: [MessageQueue] { self.assignments.keys.sorted() }
}

// MARK: - Inputs

extension ConsumerEngine {
    package mutating func start(at now: Tick) {
        for topic in self.subscriptions.keys.sorted() { self.routes.use(topic, at: now) }
        self.advance(to: now)
    }

    /// Time has passed.
    package mutating func advance(to now: Tick) {
        guard !self.isClosing else { return }
        self.lastAdvance = now
        for call in self.routes.advance(to: now, &self.tokens) { self.effects.append(.call(call)) }
        self.beat(at: now)
        if self.rebalance.isDue(at: now) { self.askMembers(at: now) }
        for id in self.assigned.keys.sorted() { self.work(on: id, at: now) }
        self.commitIfDue(at: now)
    }

    /// A call of ours ended.
    package mutating func ended(_ token: CallToken, _ result: CallResult, at now: Tick) {
        if self.routes.isWaiting(for: token) {
            let (change, next) = self.routes.ended(token, result, at: now, &self.tokens)
            if let next { self.effects.append(.call(next)) }
            if case .updated(let route)? = change { self.routeChanged(route, at: now) }
        } else if let question = self.membership.removeValue(forKey: token) {
            self.membersAnswered(question, MembershipRequest.members(result), at: now)
        } else if let commit = self.committing.removeValue(forKey: token) {
            self.commits.answered(commit, isConfirmed: OffsetRequest.isCommitted(result))
        } else if let id = self.asking.removeValue(forKey: token) {
            self.located(id, token, result, at: now)
        } else {
            self.beaten(token, result, at: now)
        }
        self.noteClosed(token)
    }

    /// A broker says that the members of a group have changed.
    package mutating func membersChanged(group: String, at now: Tick) {
        guard group == self.configuration.group else { return }
        self.rebalance.request(at: now)
        self.advance(to: now)
    }

    /// A connection is gone; what was under way on it was reported before.
    package mutating func closed(_ address: String, at now: Tick) {
        self.greeted.remove(address)
        self.heartbeats.renew(address, at: now)
        self.routes.suspectAll(at: now)
        self.advance(to: now)
    }

    /// Commits, leaves the group and gives everything up. `closed` follows as an effect.
    package mutating func close(at now: Tick) {
        guard !self.isClosing else { return }
        self.closing = []
        let ids = self.assigned.keys.sorted()
        for id in ids { self.revoke(id, isLost: false) }
        var waiting = Set(self.committing.keys)
        for address in self.heartbeats.addresses {
            let command = MembershipRequest.leave(
                clientID: self.configuration.clientID, consumerGroup: self.configuration.group)
            waiting.insert(self.call(command, to: address, timeout: .seconds(1)))
        }
        self.closing = waiting
        if waiting.isEmpty { self.effects.append(.closed) }
    }

    private mutating func noteClosed(_ token: CallToken) {
        guard self.closing?.remove(token) != nil, self.closing?.isEmpty == true else { return }
        self.effects.append(.closed)
    }

    @discardableResult
    mutating func call(
        _ command: RemotingCommand, to address: String, timeout: Duration
    ) -> CallToken {
        let token = self.tokens.next()
        self.effects.append(
            .call(
                ClientCall(token: token, address: address, command: command, timeout: timeout)))
        return token
    }
}
