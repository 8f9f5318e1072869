package import ClientCore
internal import DequeModule
package import MessageFormat
package import RemotingProtocol

/// Takes messages from brokers one by one, without owning queues, and says what became of them.
///
/// Whoever wants messages is served from what has arrived; if that is nothing, every broker that
/// has the topic is asked, and holds the question. An answer that comes when nobody waits any more
/// stays for the next one who asks. What was said of a message is said again, to whoever is the
/// broker's master then, until it is confirmed or its time is over.
package struct PopEngine: Sendable {
    package struct Configuration: Sendable {
        package var group: String
        package var clientID: String
        package var nameServers: [String]
        package var subscriptions: [SubscriptionData]
        /// Where the group begins on a queue for which it has no offset: else only what is new.
        package var startsAtFirst = false
        package var routes = RouteBook.Timing()
        package var heartbeatInterval = Duration.seconds(30)
        package var lease: Duration?
        /// What was popped is others' as soon as the connection closes, or the lease ends.
        package var returnsOnClose = false
        /// Beyond the time that a broker may hold a question.
        package var answerTime = Duration.seconds(3)
        package var settlementTimeout = Duration.seconds(3)

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

    /// Names one call of the user until its result.
    package struct ID: Hashable, Comparable, Sendable {
        package var value: UInt64

        package init(_ value: UInt64) { self.value = value }

        package static func < (left: Self, right: Self) -> Bool { left.value < right.value }
    }

    package enum Effect: Sendable {
        case call(ClientCall)
        case received(ID, Result<[PoppedMessage], PopFailure>)
        /// With the ticket that counts from now on, if it changed.
        case settled(ID, Result<PopTicket?, PopFailure>)
        /// All goodbyes are said.
        case closed
    }

    /// Messages that one request may ask for; brokers refuse more.
    static let messagesMax = 32

    let configuration: Configuration
    let subscriptions: [String: SubscriptionData]
    var routes: RouteBook
    var heartbeats: Heartbeats
    var masters: [String: String] = [:]
    var tokens = TokenCounter()
    var polls: [PollPlace: PollLine] = [:]
    var polling: [CallToken: Poll] = [:]
    var arrived: Deque<PoppedMessage> = []
    var waiting: Deque<PopWait> = []
    var settlements: [ID: PendingSettlement] = [:]
    var settling: [CallToken: ID] = [:]
    /// Said without anybody waiting for it.
    var aside: Set<CallToken> = []
    var lastProblem: PopFailure?
    var lastAdvance = Tick.zero
    /// Set while closing: the calls whose end is waited for.
    var closing: Set<CallToken>?
    var effects: [Effect] = []

    package init(_ configuration: Configuration) {
        self.configuration = configuration
        self.subscriptions = Dictionary(
            configuration.subscriptions.map { ($0.topic, $0) }, uniquingKeysWith: { $1 })
        self.routes = RouteBook(
            nameServers: configuration.nameServers, usesTemplate: false,
            timing: configuration.routes)
        self.heartbeats = Heartbeats(interval: configuration.heartbeatInterval)
    }

    package mutating func takeEffects() -> [Effect] {
        var taken: [Effect] = []
        swap(&taken, &self.effects)
        return taken
    }

    package var nextWakeAt: Tick? {
        if self.closing != nil { return nil }
        return [
            self.routes.nextWakeAt, self.heartbeats.nextWakeAt,
            self.waiting.map { $0.wakeAt(after: self.lastAdvance) }.min(),
            self.waiting.isEmpty ? nil : self.polls.values.compactMap(\.notBefore).min(),
            self.settlements.values.compactMap(\.wakeAt).min(),
        ].earliest
    }
}

/// Why a call brought nothing.
package struct PopFailure: Error, Hashable, Sendable {
    package enum Cause: Hashable, Sendable {
        case attempt(AttemptFailure)
        case topicNotFound
        case noRoute
        case noNameServer(reason: String)
        case closed
    }

    package var cause: Cause
    /// A topic or a broker.
    package var place: String

    package init(_ cause: Cause, place: String) {
        self.cause = cause
        self.place = place
    }
}

/// A broker as the source of a topic's messages.
struct PollPlace: Hashable, Comparable, Sendable {
    var topic: String
    var brokerName: String

    static func < (left: Self, right: Self) -> Bool {
        (left.topic, left.brokerName) < (right.topic, right.brokerName)
    }
}

/// A question that is held at a broker.
struct Poll: Sendable {
    var place: PollPlace
    var request: PopRequest
    /// It is held by a master that is none any more: nobody waits for its answer.
    var isAbandoned = false
}

/// The questions that are held there.
struct PollLine: Sendable {
    var underWay = 0
    var failures = 0
    /// Set while the broker is left alone.
    var notBefore: Tick?
}

/// Somebody who wants messages.
struct PopWait: Sendable {
    var id: PopEngine.ID
    var messagesMax: Int
    var invisibleTime: Int64
    var deadline: Tick
    /// What is on its way then is waited for a little longer.
    var answerBy: Tick
    /// Questions that are answered late are not waited for.
    var open: Set<CallToken> = []
    var isAsked = false

    func wakeAt(after last: Tick) -> Tick {
        self.deadline > last ? self.deadline : self.answerBy
    }
}

struct PendingSettlement: Sendable {
    var settlement: PopSettlement
    var deadline: Tick
    /// Nil while it is on its way.
    var dueAt: Tick?
    var address: String?
    var token: CallToken?
    var failures = 0
    var lastProblem: AttemptFailure?

    var wakeAt: Tick? { self.dueAt.map { min($0, self.deadline) } }
}

// MARK: - Inputs

extension PopEngine {
    package mutating func start(at now: Now) {
        for topic in self.subscriptions.keys.sorted() { self.routes.use(topic, at: now.tick) }
        self.advance(to: now)
    }

    /// The user wants messages. `received` follows, with none when `wait` is over.
    package mutating func receive(
        _ id: ID, messagesMax: Int, invisibleTime: Duration, wait: Duration, at now: Now
    ) {
        guard self.closing == nil else {
            return self.effects.append(
                .received(id, .failure(PopFailure(.closed, place: self.configuration.group))))
        }
        let deadline = now.tick + wait
        self.waiting.append(
            PopWait(
                id: id, messagesMax: max(1, min(messagesMax, Self.messagesMax)),
                invisibleTime: Tick(invisibleTime).nanoseconds / 1_000_000, deadline: deadline,
                answerBy: deadline + self.configuration.answerTime))
        self.serve(at: now)
    }

    /// The user gave the call up.
    package mutating func cancel(_ id: ID, at now: Now) {
        guard let index = self.waiting.firstIndex(where: { $0.id == id }) else { return }
        self.waiting.remove(at: index)
        self.effects.append(.received(id, .success([])))
    }

    /// The user says what became of messages. `settled` follows.
    package mutating func settle(
        _ id: ID, _ settlement: PopSettlement, within time: Duration, at now: Now
    ) {
        guard self.closing == nil else {
            return self.effects.append(
                .settled(id, .failure(PopFailure(.closed, place: settlement.brokerName))))
        }
        self.settlements[id] = PendingSettlement(
            settlement: settlement, deadline: now.tick + time, dueAt: now.tick)
        self.routes.use(settlement.topic, at: now.tick)
        self.workOnSettlements(at: now.tick)
    }

    /// A call of ours ended.
    package mutating func ended(_ token: CallToken, _ result: CallResult, at now: Now) {
        if self.routes.isWaiting(for: token) {
            let (change, next) = self.routes.ended(token, result, at: now.tick, &self.tokens)
            if let next { self.effects.append(.call(next)) }
            if let change { self.routeChanged(change, at: now) }
        } else if let poll = self.polling.removeValue(forKey: token) {
            self.polled(token, poll, result, at: now)
        } else if let id = self.settling.removeValue(forKey: token) {
            self.settlementAnswered(id, token, result, at: now.tick)
        } else if self.aside.remove(token) == nil {
            let isAnswered = (try? result.get())?.responseCode == .success
            _ = self.heartbeats.ended(token, isAnswered: isAnswered, at: now.tick)
        }
        if self.closing?.remove(token) != nil, self.closing?.isEmpty == true {
            self.effects.append(.closed)
        }
    }

    /// A connection is gone; what was under way on it was reported before.
    package mutating func closed(_ address: String, at now: Now) {
        self.heartbeats.renew(address, at: now.tick)
        self.routes.suspectAll(at: now.tick)
        self.advance(to: now)
    }

    /// Time has passed.
    package mutating func advance(to now: Now) {
        guard self.closing == nil else { return }
        for call in self.routes.advance(to: now.tick, &self.tokens) {
            self.effects.append(.call(call))
        }
        self.beat(at: now.tick)
        self.workOnSettlements(at: now.tick)
        if !self.waiting.isEmpty { self.serve(at: now) }
    }

    /// Nobody is served any more. What arrived and was not given out comes again by itself.
    package mutating func close(at now: Tick) {
        guard self.closing == nil else { return }
        let group = self.configuration.group
        for wait in self.waiting {
            self.effects.append(
                .received(wait.id, .failure(PopFailure(.closed, place: group))))
        }
        self.waiting = []
        for id in self.settlements.keys.sorted() { self.settleFailed(id, .closed) }
        var goodbyes: Set<CallToken> = []
        for address in self.heartbeats.addresses {
            let token = self.tokens.next()
            let command = MembershipRequest.leave(
                clientID: self.configuration.clientID, consumerGroup: group)
            self.effects.append(
                .call(
                    ClientCall(
                        token: token, address: address, command: command, timeout: .seconds(1))))
            goodbyes.insert(token)
        }
        self.closing = goodbyes
        if goodbyes.isEmpty { self.effects.append(.closed) }
    }
}

// MARK: - Routes and heartbeats

extension PopEngine {
    private mutating func routeChanged(_ change: RouteBook.Change, at now: Now) {
        guard case .updated(let route) = change else {
            if case .absent(let topic) = change {
                self.lastProblem = PopFailure(.topicNotFound, place: topic)
            }
            return
        }
        for (broker, address) in route.masters where self.masters[broker] != address {
            self.masters[broker] = address
            self.abandonPolls(at: broker)
            for place in self.polls.keys where place.brokerName == broker {
                self.polls[place]?.notBefore = nil
                self.polls[place]?.failures = 0
            }
        }
        self.heartbeats.use(Set(self.routes.routes.flatMap(\.masterAddresses)), at: now.tick)
        self.advance(to: now)
    }

    private mutating func beat(at now: Tick) {
        let addresses = self.heartbeats.due(at: now)
        guard !addresses.isEmpty else { return }
        let consumer = ConsumerData(
            group: self.configuration.group, consumeType: .pop, messageModel: .clustering,
            consumeFromWhere: self.configuration.startsAtFirst ? .firstOffset : .lastOffset,
            subscriptions: self.configuration.subscriptions)
        let command = MembershipRequest.heartbeat(
            HeartbeatData(clientID: self.configuration.clientID, consumers: [consumer]),
            lease: self.configuration.lease)
        for address in addresses {
            let call = ClientCall(
                token: self.tokens.next(), address: address, command: command,
                timeout: .seconds(3))
            self.heartbeats.started(address, call.token)
            self.effects.append(.call(call))
        }
    }
}
