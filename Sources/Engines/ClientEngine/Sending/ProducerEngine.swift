package import ClientCore
internal import DequeModule
internal import HeapModule
package import MessageFormat
internal import RemotingProtocol

/// A producer: takes sends, finds a queue for each, tries until one is acknowledged or the
/// deadline is over, and keeps routes and heartbeats going meanwhile.
///
/// Synchronous: inputs are methods, effects gather until `takeEffects`.
package struct ProducerEngine: Sendable {
    package struct Configuration: Sendable {
        package var group: String
        package var clientID: String
        package var nameServers: [String]
        package var policy = SendPolicy()
        package var routes = RouteBook.Timing()
        package var heartbeatInterval = Duration.seconds(30)
        /// How long a send waits for its topic to appear before it fails as unknown.
        package var missingTopicWait = Duration.seconds(2)
        /// Spreads producers over the queues.
        package var firstQueue = 0
        /// Names this producer's numbers: at most 46 bytes, different from every other's, now and
        /// ever. Without it nothing is numbered.
        package var session: String?
        /// Whether brokers store each message once, however often it is sent. Half messages are
        /// numbered in any case: one that was stored twice would be committed twice.
        package var isIdempotent = false
        package var numbering = IdempotentSettings()
        package var transactions = TransactionEnds.Settings()

        package init(group: String, clientID: String, nameServers: [String]) {
            self.group = group
            self.clientID = clientID
            self.nameServers = nameServers
        }
    }

    package enum Effect: Sendable {
        case call(ClientCall)
        /// To be answered with `attempted`, always.
        case transmit(Transmission)
        case finished(SendID, SendResult)
        case transactionEnded(transactionID: String, TransactionEnds.Result)
    }

    let configuration: Configuration
    var routes: RouteBook
    var heartbeats: Heartbeats
    var backoff = BrokerBackoff()
    /// Broker name to its master's address, as the newest route said.
    var masters: [String: String] = [:]
    var rotation: QueueRotation
    var tokens = TokenCounter()
    var sends: [SendID: PendingSend] = [:]
    /// Sends without a route, by topic, in their order.
    var unrouted: [String: [SendID]] = [:]
    /// Sends that have to be looked at when a time comes.
    var alarms: Heap<SendAlarm> = []
    var effects: [Effect] = []
    var isClosed = false
    /// The numbers of what readers see in order, and of what they do not.
    var numbers: IdempotentWindow?
    var hiddenNumbers: IdempotentWindow?
    /// Sends that wait for a number of their queue, in their order.
    var lines: [MessageQueue: Deque<SendID>] = [:]
    /// Queues whose lines may move.
    var freed: Set<MessageQueue> = []
    var transactions: TransactionEnds
    /// Whether brokers must know this client wherever replies to its requests may be sent.
    var expectsReplies = false

    package init(_ configuration: Configuration) {
        self.configuration = configuration
        self.routes = RouteBook(
            nameServers: configuration.nameServers, usesTemplate: true,
            timing: configuration.routes)
        self.heartbeats = Heartbeats(interval: configuration.heartbeatInterval)
        self.rotation = QueueRotation(startingAt: configuration.firstQueue)
        self.transactions = TransactionEnds(configuration.transactions)
        guard let session = configuration.session else { return }
        self.hiddenNumbers = IdempotentWindow(
            session: "\(session)-h", settings: configuration.numbering)
        guard configuration.isIdempotent else { return }
        self.numbers = IdempotentWindow(session: session, settings: configuration.numbering)
    }

    /// What to do now, in this order.
    package mutating func takeEffects() -> [Effect] {
        var taken: [Effect] = []
        swap(&taken, &self.effects)
        return taken
    }

    /// When `advance` is to be called at the latest.
    package var nextWakeAt: Tick? {
        if self.isClosed { return nil }
        return [
            self.routes.nextWakeAt, self.heartbeats.nextWakeAt, self.alarms.min?.at,
            self.transactions.nextWakeAt,
        ].earliest
    }

    package var policy: SendPolicy { self.configuration.policy }

    /// Sends without a result.
    package var pendingCount: Int { self.sends.count }
}

// MARK: - Inputs

extension ProducerEngine {
    /// Looks the topic up before the first send needs it.
    package mutating func prepare(_ topic: String, at now: Tick) {
        self.routes.use(topic, at: now)
        self.advance(to: now)
    }

    /// Requests are sent from now on: every broker that may get their replies hears of this client.
    package mutating func expectReplies(at now: Tick) {
        guard !self.expectsReplies else { return }
        self.expectsReplies = true
        for route in self.routes.routes { self.useReplyTopics(of: route, at: now) }
        self.advance(to: now)
    }

    mutating func useReplyTopics(of route: TopicRoute, at now: Tick) {
        guard self.expectsReplies else { return }
        for cluster in route.clusters.sorted() {
            self.routes.use(ReplyAddress.topic(ofCluster: cluster), at: now)
        }
    }

    /// The user wants this sent. The result follows as an effect with the same id.
    package mutating func send(
        _ send: OutgoingSend, as id: SendID, deadline: Duration? = nil, at now: Tick
    ) {
        let limit = deadline ?? self.configuration.policy.deadline
        let pending = PendingSend(send: send, startedAt: now, deadline: now + limit)
        if self.isClosed {
            self.effects.append(.finished(id, .failed(pending.failure(.closed, at: now))))
            return
        }
        self.sends[id] = pending
        self.place(id, at: now)
    }

    /// An attempt ended.
    package mutating func attempted(
        _ id: SendID, attempt: Int, _ answer: SendAnswer, at now: Tick
    ) {
        guard let index = self.sends.index(forKey: id),
            self.sends.values[index].attempts == attempt,
            case .inFlight(let queue, _, let startedAt) = self.sends.values[index].phase
        else { return }
        switch answer {
        case .acknowledged(let acknowledgement):
            self.backoff.succeeded(queue.brokerName, startedAt: startedAt)
            self.numberEnded(self.sends.values[index].send, on: queue, .acknowledged)
            self.sends.remove(at: index)
            self.effects.append(
                .finished(id, .acknowledged(acknowledgement, queue: queue, attempts: attempt)))
        case .failed(let outcome): self.failed(id, outcome, at: now)
        }
        self.moveLines(at: now)
    }

    /// A one-way send was handed to the connection, or not.
    package mutating func sentOneWay(
        _ id: SendID, attempt: Int, _ failure: CallFailure?, at now: Tick
    ) {
        guard let pending = self.sends[id], pending.attempts == attempt,
            case .inFlight(let queue, _, _) = pending.phase
        else { return }
        if let failure {
            let outcome = AttemptOutcome(
                failure: failure.failure, requestWasSent: failure.requestWasSent)
            self.failed(id, outcome, at: now)
        } else {
            self.finish(id, .sentOneWay(queue: queue))
        }
    }

    /// A call of ours ended.
    package mutating func ended(_ token: CallToken, _ result: CallResult, at now: Tick) {
        if self.routes.isWaiting(for: token) {
            let (change, next) = self.routes.ended(token, result, at: now, &self.tokens)
            if let next { self.effects.append(.call(next)) }
            if let change { self.routeChanged(change, at: now) }
            self.askAgainForWaiting(at: now)
            self.moveLines(at: now)
        } else if self.transactions.isWaiting(for: token) {
            self.transactionEndAnswered(token, result, at: now)
        } else {
            let isAnswered = (try? result.get())?.responseCode == .success
            _ = self.heartbeats.ended(token, isAnswered: isAnswered, at: now)
        }
    }

    /// A connection is gone; what was under way on it was reported before.
    package mutating func closed(_ address: String, at now: Tick) {
        self.heartbeats.renew(address, at: now)
        self.routes.suspectAll(at: now)
        self.advance(to: now)
    }

    /// Time has passed.
    package mutating func advance(to now: Tick) {
        guard !self.isClosed else { return }
        for call in self.routes.advance(to: now, &self.tokens) { self.effects.append(.call(call)) }
        self.beat(at: now)
        while let alarm = self.alarms.min, alarm.at <= now {
            self.alarms.removeMin()
            self.rang(alarm.id, at: now)
        }
        self.moveLines(at: now)
        self.advanceTransactions(at: now)
    }

    /// Nothing is sent any more. What waits fails at once, what is under way as unknown.
    package mutating func close(at now: Tick) {
        guard !self.isClosed else { return }
        self.isClosed = true
        for id in self.sends.keys.sorted() { self.fail(id, .closed, at: now) }
        self.abandonTransactions()
        for address in self.heartbeats.addresses {
            let call = ClientCall(
                token: self.tokens.next(), address: address,
                command: MembershipRequest.leave(
                    clientID: self.configuration.clientID,
                    producerGroup: self.configuration.group),
                timeout: .seconds(1))
            self.effects.append(.call(call))
        }
    }
}
