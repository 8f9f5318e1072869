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
        package var allocation = GroupAllocation.average
        /// Nil: what fails stays with this consumer, and the group has no retry topic.
        package var retry: RetryRules?
        /// Set: queues are locked, and consumed one batch after the other.
        package var order: OrderlyQueue<InboundMessage>.Settings?
        /// Set: exactly these queues, whoever else is in the group.
        package var queuesByHand: Set<MessageQueue>?
        /// Where a broadcasting consumer was when it last ran.
        package var knownOffsets: [MessageQueue: QueueOffset] = [:]
        /// Whether a broadcasting consumer tells its progress.
        package var keepsOffsets = false
        package var buffer = BufferLimits()
        package var messagesPerPull: Int32 = 32
        package var hold = Duration.seconds(15)
        /// Longer than a broker may hold a pull: it looks after expired ones every 5 seconds.
        package var pullTimeout = Duration.seconds(30)
        package var callTimeout = Duration.seconds(3)
        package var commitInterval = Duration.seconds(5)
        package var rebalanceInterval = Duration.seconds(20)
        package var heartbeatInterval = Duration.seconds(30)
        package var lease: Duration?
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
        /// A broadcasting consumer's progress, to be kept until it runs again.
        case keepOffsets([MessageQueue: QueueOffset])
        case closed
    }

    /// A message that the user works on.
    package struct Delivery: Sendable {
        package var message: InboundMessage
        package var assignment: AssignmentID
        /// How often this consumer has given it out, this time included.
        package var deliveries: Int
    }

    var configuration: Configuration
    let subscriptions: [String: SubscriptionData]
    var routes: RouteBook
    var heartbeats: Heartbeats
    var commits: OffsetCommits
    var committing: [CallToken: OffsetCommits.Commit] = [:]
    /// Messages on their way back to the brokers.
    var returning: [CallToken: ReturningMessage] = [:]
    var returningKeys: Set<ReturningKey> = []
    var lastRetryQueue = 0
    /// When it is looked for messages that are handled for too long.
    var overdueCheckAt: Tick?
    var tokens = TokenCounter()
    var assigned: [AssignmentID: AssignedQueue] = [:]
    var assignments: [MessageQueue: AssignmentID] = [:]
    /// Instead of `assigned`, when the queues are consumed in order.
    var ordered = OrderedState()
    /// Nothing is pulled or handed out.
    package internal(set) var isSuspended = false
    /// The same, for single queues.
    var paused: Set<MessageQueue> = []
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
    /// The brokers have been told.
    var hasLeft = false
    var effects: [Effect] = []

    package init(_ configuration: Configuration, at now: Tick) {
        self.configuration = configuration
        self.subscriptions = Self.subscriptions(configuration)
        self.routes = RouteBook(
            nameServers: configuration.nameServers, usesTemplate: false,
            timing: configuration.routes)
        self.heartbeats = Heartbeats(interval: configuration.heartbeatInterval)
        self.commits = OffsetCommits(interval: configuration.commitInterval, startingAt: now)
        self.rebalance = RebalanceClock(
            interval: configuration.rebalanceInterval, startingAt: now)
        self.overdueCheckAt = self.retryRules.map { now + $0.lookEvery }
    }

    /// By topic; with the topic of the group's retries, if it has one.
    private static func subscriptions(
        _ configuration: Configuration
    ) -> [String: SubscriptionData] {
        var all = configuration.subscriptions
        if configuration.retry != nil, configuration.model == .clustering {
            all.append(
                SubscriptionData(
                    topic: RetryRequests.topic(of: configuration.group),
                    expression: SubscriptionData.all, version: all.map(\.version).max() ?? 0))
        }
        return Dictionary(all.map { ($0.topic, $0) }, uniquingKeysWith: { $1 })
    }

    package mutating func takeEffects() -> [Effect] {
        var taken: [Effect] = []
        swap(&taken, &self.effects)
        return taken
    }

    package var nextWakeAt: Tick? {
        let ordered = self.ordered.queues.values.map {
            $0.nextWakeAt(after: self.lastAdvance, mayPull: self.mayPull($0.queue))
        }.earliest
        if self.isClosing { return ordered }
        let queues = self.assigned.values.map {
            $0.nextWakeAt(after: self.lastAdvance, mayPull: self.mayPull($0.queue))
        }.earliest
        let commits = self.usesBrokerOffsets || self.keepsOffsets ? self.commits.dueAt : nil
        return [
            self.routes.nextWakeAt, self.heartbeats.nextWakeAt, self.rebalance.dueAt, commits,
            queues, ordered, self.overdueCheckAt,
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
        self.lastAdvance = now
        guard !self.isClosing else { return self.advanceOrdered(to: now) }
        for call in self.routes.advance(to: now, &self.tokens) { self.effects.append(.call(call)) }
        self.beat(at: now)
        if self.rebalance.isDue(at: now) { self.askMembers(at: now) }
        for id in self.assigned.keys.sorted() { self.work(on: id, at: now) }
        self.advanceOrdered(to: now)
        self.returnOverdue(at: now)
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
        } else if let back = self.returning.removeValue(forKey: token) {
            self.returned(back, result, at: now)
        } else if let id = self.asking.removeValue(forKey: token) {
            self.located(id, token, result, at: now)
        } else if !self.endedInOrder(token, result, at: now) {
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
        self.keepOffsets()
        self.closing = []
        let ids = self.assigned.keys.sorted()
        for id in ids { self.revoke(id, isLost: false) }
        self.closing = Set(self.committing.keys)
        for id in self.ordered.queues.keys.sorted() { self.release(id, at: now) }
        self.leaveWhenReleased()
    }

    /// A queue in order stays this consumer's until its batch is done with.
    mutating func leaveWhenReleased() {
        guard self.ordered.queues.isEmpty, !self.hasLeft else { return }
        self.hasLeft = true
        for address in self.heartbeats.addresses {
            let command = MembershipRequest.leave(
                clientID: self.configuration.clientID, consumerGroup: self.configuration.group)
            let goodbye = self.call(command, to: address, timeout: .seconds(1))
            self.closing?.insert(goodbye)
        }
        if self.closing?.isEmpty == true { self.effects.append(.closed) }
    }

    private mutating func noteClosed(_ token: CallToken) {
        guard self.closing?.remove(token) != nil, self.closing?.isEmpty == true, self.hasLeft
        else { return }
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
