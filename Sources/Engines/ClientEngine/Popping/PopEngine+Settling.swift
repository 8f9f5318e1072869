import ClientCore
import MessageFormat
import RemotingProtocol

// Saying what became of messages, until somebody confirms it.
extension PopEngine {
    mutating func workOnSettlements(at now: Tick) {
        for id in self.settlements.keys.sorted() {
            guard let pending = self.settlements[id] else { continue }
            let master = self.masters[pending.settlement.brokerName]
            let isNews = master != nil && master != pending.address
            if now >= pending.deadline {
                self.settleFailed(id, pending.lastProblem.map { .attempt($0) } ?? .noRoute)
            } else if isNews || pending.dueAt.map({ $0 <= now }) == true {
                self.say(id, to: master, at: now)
            }
        }
    }

    private mutating func say(_ id: ID, to master: String?, at now: Tick) {
        guard var pending = self.settlements[id] else { return }
        guard let master else {
            // A route brings it on; to look now and then does not hurt.
            self.settlements[id]?.dueAt = now + .milliseconds(200)
            return self.routes.suspect(pending.settlement.topic, at: now)
        }
        if let stale = pending.token { self.settling[stale] = nil }
        let token = self.tokens.next()
        pending.token = token
        pending.address = master
        pending.dueAt = nil
        self.settlements[id] = pending
        self.settling[token] = id
        let timeout = min(
            self.configuration.settlementTimeout,
            max(.milliseconds(1), pending.deadline - now))
        self.effects.append(
            .call(
                ClientCall(
                    token: token, address: master,
                    command: pending.settlement.command(group: self.configuration.group),
                    timeout: timeout)))
    }

    mutating func settlementAnswered(
        _ id: ID, _ token: CallToken, _ result: CallResult, at now: Tick
    ) {
        guard let pending = self.settlements[id], pending.token == token else { return }
        switch result {
        case .success(let answer) where answer.responseCode == .success:
            self.settlements[id] = nil
            self.effects.append(
                .settled(id, .success(try? pending.settlement.ticket(after: answer))))
        case .success(let answer):
            let failure = AttemptFailure(
                .answered(code: answer.code), reason: answer.remark ?? answer.responseCode.name)
            self.settlementFailed(id, failure, mayPass: failure.isRetryable, at: now)
        case .failure(let failure):
            self.settlementFailed(id, failure.failure, mayPass: true, at: now)
        }
    }

    private mutating func settlementFailed(
        _ id: ID, _ failure: AttemptFailure, mayPass: Bool, at now: Tick
    ) {
        guard var pending = self.settlements[id] else { return }
        guard mayPass else { return self.settleFailed(id, .attempt(failure)) }
        pending.failures += 1
        pending.lastProblem = failure
        pending.token = nil
        var pause = Duration.milliseconds(20)
        for _ in 1..<pending.failures where pause < .milliseconds(500) { pause *= 2 }
        pending.dueAt = now + min(pause, .milliseconds(500))
        self.settlements[id] = pending
        if failure.suggestsStaleRoute {
            self.routes.suspect(pending.settlement.topic, at: now)
        }
    }

    mutating func settleFailed(_ id: ID, _ cause: PopFailure.Cause) {
        guard let pending = self.settlements.removeValue(forKey: id) else { return }
        if let token = pending.token { self.settling[token] = nil }
        self.effects.append(
            .settled(id, .failure(PopFailure(cause, place: pending.settlement.brokerName))))
    }
}
