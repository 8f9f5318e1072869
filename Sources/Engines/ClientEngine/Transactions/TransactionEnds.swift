internal import ClientCore
private import DequeModule
internal import MessageFormat
internal import RemotingProtocol

/// What a producer knows of its transactions: which are being worked on, how others were decided,
/// and which brokers have not confirmed yet that they know.
///
/// The outcome is said again, to whoever is the group's master then, until the broker confirms it
/// or `patience` is over; after that the broker asks.
package struct TransactionEnds: Sendable {
    package struct Settings: Hashable, Sendable {
        package var attemptTimeout = Duration.seconds(3)
        package var pauseFirst = Duration.milliseconds(50)
        package var pauseMax = Duration.seconds(2)
        package var patience = Duration.seconds(60)
        /// A broker whose replicas are not in step answers with the same code as one that has no
        /// such half message: so often it is asked.
        package var errorsMax = 5
        /// Outcomes that are remembered for questions that are under way.
        package var rememberedMax = 10_000

        package init() {}
    }

    package enum Result: Hashable, Sendable {
        case confirmed
        /// The broker will never accept it; it asks, if the transaction is still open there.
        case refused(reason: String)
        /// Nobody has confirmed it in time. The broker asks.
        case unconfirmed
    }

    /// What a broker's question about a transaction is answered with.
    package enum Knowledge: Hashable, Sendable {
        /// The local work is not done: ask later.
        case underWay
        case decided(TransactionVerdict)
        /// Begun by another process, or long ago: its checker must know.
        case unknown
    }

    private struct Pending: Sendable {
        var end: EndTransaction
        var brokerName: String
        var deadline: Tick
        /// Nil while it is on its way.
        var dueAt: Tick?
        var address: String?
        var token: CallToken?
        var failures = 0
        /// Answers that say no without saying for ever.
        var errors = 0
    }

    private let settings: Settings
    private var underWay: [String: Int] = [:]
    private var verdicts: [String: TransactionVerdict] = [:]
    private var remembered: Deque<String> = []
    private var pending: [String: Pending] = [:]
    private var asking: [CallToken: String] = [:]

    init(_ settings: Settings) { self.settings = settings }

    /// A half message is about to leave.
    mutating func began(_ id: String) { self.underWay[id, default: 0] += 1 }

    /// Its work ended without an outcome: whoever is asked later must find out.
    mutating func leftOpen(_ id: String) {
        guard let count = self.underWay[id] else { return }
        self.underWay[id] = count > 1 ? count - 1 : nil
    }

    func knowledge(of id: String) -> Knowledge {
        if let verdict = self.verdicts[id] { return .decided(verdict) }
        return self.underWay[id] == nil ? .unknown : .underWay
    }

    mutating func decided(_ end: EndTransaction, at brokerName: String, _ now: Tick) {
        let id = end.messageID
        self.leftOpen(id)
        self.remember(id, end.verdict)
        self.pending[id] = Pending(
            end: end, brokerName: brokerName, deadline: now + self.settings.patience, dueAt: now)
    }

    /// A question was answered by the user's checker: the same question has the same answer.
    mutating func noteVerdict(_ id: String, _ verdict: TransactionVerdict) {
        guard verdict != .unknown else { return }
        self.remember(id, verdict)
    }

    private mutating func remember(_ id: String, _ verdict: TransactionVerdict) {
        if self.verdicts.updateValue(verdict, forKey: id) == nil { self.remembered.append(id) }
        while self.remembered.count > self.settings.rememberedMax {
            self.verdicts[self.remembered.removeFirst()] = nil
        }
    }

    var nextWakeAt: Tick? { self.pending.values.lazy.compactMap(\.dueAt).min() }

    func isWaiting(for token: CallToken) -> Bool { self.asking[token] != nil }
}

extension TransactionEnds {
    /// What is to be said now. A master's address that differs from where an outcome is on its way
    /// to makes it due at once.
    mutating func advance(
        to now: Tick, masters: [String: String], _ tokens: inout TokenCounter
    ) -> (calls: [ClientCall], over: [String]) {
        guard !self.pending.isEmpty else { return ([], []) }
        var calls: [ClientCall] = []
        var over: [String] = []
        for id in self.pending.keys.sorted() {
            guard let pending = self.pending[id] else { continue }
            if now >= pending.deadline {
                self.forget(id)
                over.append(id)
            } else if let call = self.call(id, pending, to: now, masters, &tokens) {
                calls.append(call)
            }
        }
        return (calls, over)
    }

    private mutating func call(
        _ id: String, _ pending: Pending, to now: Tick, _ masters: [String: String],
        _ tokens: inout TokenCounter
    ) -> ClientCall? {
        let master = masters[pending.brokerName]
        let isNews = master != nil && master != pending.address
        guard isNews || pending.dueAt.map({ $0 <= now }) == true else { return nil }
        guard let master else {
            self.pending[id]?.dueAt = now + self.settings.pauseMax
            return nil
        }
        if let stale = pending.token { self.asking[stale] = nil }
        let token = tokens.next()
        self.asking[token] = id
        self.pending[id]?.token = token
        self.pending[id]?.address = master
        self.pending[id]?.dueAt = nil
        return ClientCall(
            token: token, address: master, command: pending.end.command,
            timeout: self.settings.attemptTimeout)
    }

    /// The broker answered, or did not. Nil: it is said again.
    mutating func answered(
        _ token: CallToken, _ result: CallResult, at now: Tick
    ) -> (id: String, result: Result?)? {
        guard let id = self.asking.removeValue(forKey: token),
            var pending = self.pending[id], pending.token == token
        else { return nil }
        switch result {
        case .success(let command) where command.responseCode == .success:
            self.forget(id)
            return (id, .confirmed)
        case .success(let command) where self.isFinal(command.responseCode, pending):
            self.forget(id)
            return (id, .refused(reason: command.remark ?? command.responseCode.name))
        default:
            pending.failures += 1
            if (try? result.get())?.responseCode == .systemError { pending.errors += 1 }
            pending.token = nil
            pending.dueAt = now + self.pause(pending.failures)
            self.pending[id] = pending
            return (id, nil)
        }
    }

    /// Everything else may pass: a master that is none any more, a broker that is busy.
    private func isFinal(_ code: ResponseCode, _ pending: Pending) -> Bool {
        switch code {
        case .illegalOperation, .requestCodeNotSupported: true
        case .systemError: pending.errors + 1 >= self.settings.errorsMax
        default: false
        }
    }

    private func pause(_ failures: Int) -> Duration {
        var pause = self.settings.pauseFirst
        for _ in 1..<max(1, failures) where pause < self.settings.pauseMax { pause *= 2 }
        return min(pause, self.settings.pauseMax)
    }

    private mutating func forget(_ id: String) {
        guard let pending = self.pending.removeValue(forKey: id) else { return }
        if let token = pending.token { self.asking[token] = nil }
    }

    /// The outcomes that nobody confirmed: nothing is said any more.
    mutating func abandon() -> [String] {
        let ids = self.pending.keys.sorted()
        self.pending = [:]
        self.asking = [:]
        return ids
    }
}
