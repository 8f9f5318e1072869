import ClientCore
import MessageFormat
import RemotingProtocol

// Routes and heartbeats.
extension ProducerEngine {
    mutating func routeChanged(_ change: RouteBook.Change, at now: Tick) {
        switch change {
        case .updated(let route):
            let masters = self.routes.routes.flatMap(\.masterAddresses)
            self.heartbeats.use(Set(masters), at: now)
            self.backoff.keep(only: Set(self.routes.routes.flatMap(\.brokers.keys)))
            self.beat(at: now)
            self.masterChanged(on: route, at: now)
            self.useReplyTopics(of: route, at: now)
            for id in self.unrouted.removeValue(forKey: route.topic) ?? [] {
                guard case .unrouted? = self.sends[id]?.phase else { continue }
                self.place(id, at: now)
            }
        case .absent(let topic):
            self.dropOld(topic, at: now)
        }
    }

    /// A new master has done nothing wrong yet, and the old one will answer nobody: what is on its
    /// way there is tried again.
    private mutating func masterChanged(on route: TopicRoute, at now: Tick) {
        for (broker, address) in route.masters where self.masters[broker] != address {
            let old = self.masters.updateValue(address, forKey: broker)
            guard old != nil else { continue }
            self.backoff.forget(broker)
            self.abandonAttempts(at: broker, except: address, now)
        }
        self.advanceTransactions(at: now)
    }

    private mutating func abandonAttempts(
        at broker: String, except master: String, _ now: Tick
    ) {
        let stale = self.sends.filter { _, send in
            guard case .inFlight(let queue, let address, _) = send.phase else { return false }
            return queue.brokerName == broker && address != master
        }
        let failure = AttemptFailure(.connectionLost, reason: "the broker has another master now")
        for id in stale.keys.sorted() { self.failed(id, .unknown(failure), at: now) }
        self.backoff.forget(broker)
    }

    /// A name server knows nothing of the topic: who has waited long enough is told.
    private mutating func dropOld(_ topic: String, at now: Tick) {
        let waiting = (self.unrouted[topic] ?? []).filter { self.sends[$0] != nil }
        let wait = self.configuration.missingTopicWait
        let old = waiting.filter { id in
            self.sends[id].map { $0.startedAt + wait <= now } ?? false
        }
        self.unrouted[topic] = waiting.filter { !old.contains($0) }
        for id in old { self.fail(id, .topicNotFound, at: now) }
    }

    /// As long as sends wait for a topic's route it is worth asking often.
    mutating func askAgainForWaiting(at now: Tick) {
        for (topic, waiting) in self.unrouted where !waiting.isEmpty {
            self.routes.suspect(topic, at: now + .milliseconds(200))
        }
    }

    mutating func beat(at now: Tick) {
        let addresses = self.heartbeats.due(at: now)
        guard !addresses.isEmpty else { return }
        let command = MembershipRequest.heartbeat(
            HeartbeatData(
                clientID: self.configuration.clientID, producers: [self.configuration.group]))
        for address in addresses {
            let call = ClientCall(
                token: self.tokens.next(), address: address, command: command,
                timeout: .seconds(3))
            self.heartbeats.started(address, call.token)
            self.effects.append(.call(call))
        }
    }
}
