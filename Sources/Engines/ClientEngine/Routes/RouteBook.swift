package import MessageFormat
internal import RemotingProtocol

/// Keeps the routes of the topics in use: asks name servers in turn, again every two seconds, at
/// once when a route is suspected to be stale, often while a broker has no master, and keeps an old
/// route when nobody has a newer one.
package struct RouteBook: Sendable {
    package struct Timing: Hashable, Sendable {
        /// A hung master answers nothing that would make a client look: so clients look by
        /// themselves, more often than RocketMQ's every 30 seconds.
        package var interval: Duration = .seconds(2)
        /// Between two lookups of a topic, however often it is suspected.
        package var intervalMin: Duration = .milliseconds(50)
        /// After a lookup that failed or found nothing; doubles up to `retryMax`.
        package var retryFirst: Duration = .milliseconds(100)
        package var retryMax: Duration = .seconds(1)
        package var timeout: Duration = .seconds(2)
        /// While a broker that was on the route has no master, and for a while after a suspicion:
        /// a new master is noticed at once. The pause grows from `first` to `max`.
        package var lookoutFirst: Duration = .milliseconds(50)
        package var lookoutMax: Duration = .milliseconds(500)
        package var lookoutTime: Duration = .seconds(120)
        package var doubtTime: Duration = .seconds(3)

        package init() {}
    }

    /// What a name server's answer changed.
    package enum Change: Hashable, Sendable {
        case updated(TopicRoute)
        /// A name server says that neither the topic nor a template for it exists.
        case absent(topic: String)
    }

    fileprivate struct Entry {
        var route: TopicRoute?
        /// The topic does not exist yet; the route is the template's.
        var isTemplate = false
        var isAsking = false
        var dueAt: Tick
        var askedAt: Tick?
        var failures = 0
        /// Why the last lookup brought nothing; nil if a name server answered.
        var problem: String?
        /// Brokers that had a master on the route and have none now.
        var missing: Set<String> = []
        /// When the last of them was missed, or the route was suspected first since it changed.
        var missedAt: Tick?
        var doubtedAt: Tick?
        /// A broker said that the route is wrong; since then nobody has told a newer one.
        var disprovedAt: Tick?
    }

    private let nameServers: [String]
    private let usesTemplate: Bool
    private let timing: Timing
    /// The name server that answered last.
    private var current = 0
    private var entries: [String: Entry] = [:]
    private var asking: [CallToken: (topic: String, isTemplate: Bool, server: Int)] = [:]

    /// - Parameter usesTemplate: whether a missing topic may be created by sending to it.
    package init(nameServers: [String], usesTemplate: Bool, timing: Timing = Timing()) {
        precondition(!nameServers.isEmpty, "routes come from at least one name server")
        self.nameServers = nameServers
        self.usesTemplate = usesTemplate
        self.timing = timing
    }

    /// Makes sure that the topic is looked up from now on.
    package mutating func use(_ topic: String, at now: Tick) {
        guard self.entries[topic] == nil else { return }
        self.entries[topic] = Entry(dueAt: now)
    }

    package func route(of topic: String) -> TopicRoute? { self.entries[topic]?.route }

    /// Why nothing is known of the topic: no name server could be asked. Nil if one has answered.
    package func problem(of topic: String) -> String? { self.entries[topic]?.problem }

    package var routes: [TopicRoute] {
        self.entries.values.compactMap(\.route).sorted { $0.topic < $1.topic }
    }

    /// Something went wrong that a newer route could explain.
    package mutating func suspect(_ topic: String, at now: Tick) {
        guard var entry = self.entries[topic] else { return }
        let earliest = entry.askedAt.map { $0 + self.timing.intervalMin } ?? now
        entry.dueAt = min(entry.dueAt, max(now, earliest))
        entry.doubtedAt = entry.doubtedAt ?? now
        self.entries[topic] = entry
    }

    /// A broker does not have what the route says of it. The route is not used until a name server
    /// has told it anew; one made from the template, until the topic's own is there. After
    /// `doubtTime` the old one has to do.
    mutating func disprove(_ topic: String, at now: Tick) {
        self.entries[topic]?.disprovedAt = now
        self.suspect(topic, at: now)
    }

    func isDisproved(_ topic: String, at now: Tick) -> Bool {
        self.entries[topic]?.isDisproved(at: now, self.timing) ?? false
    }

    package mutating func suspectAll(at now: Tick) {
        for topic in self.entries.keys { self.suspect(topic, at: now) }
    }

    package var nextWakeAt: Tick? {
        self.entries.values.lazy.filter { !$0.isAsking }.map(\.dueAt).min()
    }
}

extension RouteBook {
    /// The lookups that are due.
    mutating func advance(to now: Tick, _ tokens: inout TokenCounter) -> [ClientCall] {
        let due = self.entries.filter { !$0.value.isAsking && $0.value.dueAt <= now }.keys.sorted()
        return due.map { topic in
            self.entries[topic]?.isAsking = true
            self.entries[topic]?.askedAt = now
            return self.lookup(topic, isTemplate: false, &tokens)
        }
    }

    private mutating func lookup(
        _ topic: String, isTemplate: Bool, _ tokens: inout TokenCounter
    ) -> ClientCall {
        let token = tokens.next()
        self.asking[token] = (topic, isTemplate, self.current)
        let asked = isTemplate ? SystemTopic.autoCreate : topic
        return ClientCall(
            token: token, address: self.nameServers[self.current],
            command: RouteRequest.command(topic: asked), timeout: self.timing.timeout)
    }

    func isWaiting(for token: CallToken) -> Bool { self.asking[token] != nil }

    /// A lookup ended. May need another one, for the template.
    mutating func ended(
        _ token: CallToken, _ result: CallResult, at now: Tick, _ tokens: inout TokenCounter
    ) -> (change: Change?, next: ClientCall?) {
        guard let asked = self.asking.removeValue(forKey: token) else { return (nil, nil) }
        switch RouteRequest.answer(result) {
        case .found(let data):
            let route = TopicRoute(
                topic: asked.topic, data: data,
                templateQueuesMax: asked.isTemplate ? SendCommand.templateQueues : nil)
            return (self.found(route, isTemplate: asked.isTemplate, at: now), nil)
        case .absent
        where self.usesTemplate && !asked.isTemplate && self.mayCreate(asked.topic, at: now):
            return (nil, self.lookup(asked.topic, isTemplate: true, &tokens))
        case .absent:
            self.failed(asked.topic, server: asked.server, problem: nil, at: now)
            let hasRoute = self.entries[asked.topic]?.route != nil
            return (hasRoute ? nil : .absent(topic: asked.topic), nil)
        case .unreachable(let reason):
            self.failed(asked.topic, server: asked.server, problem: reason, at: now)
            return (nil, nil)
        }
    }

    /// A topic that had a route of its own is not created again because one name server has
    /// forgotten it.
    private func mayCreate(_ topic: String, at now: Tick) -> Bool {
        guard let entry = self.entries[topic] else { return false }
        return entry.route == nil || entry.isTemplate && !entry.isDisproved(at: now, self.timing)
    }

    private mutating func found(
        _ route: TopicRoute, isTemplate: Bool, at now: Tick
    ) -> Change? {
        guard var entry = self.entries[route.topic] else { return nil }
        let isChanged = entry.route != route
        let wasDisproved = entry.disprovedAt != nil
        entry.disprovedAt = nil
        entry.noteMissing(after: route, at: now)
        if isChanged { entry.doubtedAt = nil }
        entry.route = route
        entry.isTemplate = isTemplate
        entry.isAsking = false
        entry.problem = nil
        entry.failures = 0
        let isProvisional = isTemplate || route.writeQueues.isEmpty || route.readQueues.isEmpty
        let pause = entry.pause(self.timing, at: now)
        entry.dueAt = now + min(pause, isProvisional ? self.timing.retryMax : pause)
        self.entries[route.topic] = entry
        return isChanged || wasDisproved ? .updated(route) : nil
    }

    private mutating func failed(
        _ topic: String, server: Int, problem: String?, at now: Tick
    ) {
        if server == self.current { self.current = (server + 1) % self.nameServers.count }
        guard var entry = self.entries[topic] else { return }
        entry.isAsking = false
        entry.problem = problem
        entry.failures += 1
        var pause = self.timing.retryFirst
        for _ in 1..<entry.failures where pause < self.timing.retryMax { pause *= 2 }
        entry.dueAt = now + min(pause, self.timing.retryMax)
        self.entries[topic] = entry
    }
}

extension RouteBook.Entry {
    func isDisproved(at now: Tick, _ timing: RouteBook.Timing) -> Bool {
        self.disprovedAt.map { now - $0 < timing.doubtTime } ?? false
    }

    /// Remembers which brokers lost their master, until they have one again.
    mutating func noteMissing(after newer: TopicRoute, at now: Tick) {
        let present = newer.brokersWithMaster
        let gone = (self.route?.brokersWithMaster ?? []).subtracting(present)
        self.missing = self.missing.union(gone).subtracting(present)
        if !gone.isEmpty { self.missedAt = now }
    }

    /// Until the next regular lookup.
    mutating func pause(_ timing: RouteBook.Timing, at now: Tick) -> Duration {
        if let missedAt, !self.missing.isEmpty, now - missedAt < timing.lookoutTime {
            return timing.lookoutPause(since: missedAt, at: now)
        }
        if let doubtedAt, now - doubtedAt < timing.doubtTime {
            return timing.lookoutPause(since: doubtedAt, at: now)
        }
        self.doubtedAt = nil
        return timing.interval
    }
}

extension RouteBook.Timing {
    /// The longer nothing has changed, the longer the pause.
    fileprivate func lookoutPause(since start: Tick, at now: Tick) -> Duration {
        max(self.lookoutFirst, min((now - start) / 4, self.lookoutMax))
    }
}
