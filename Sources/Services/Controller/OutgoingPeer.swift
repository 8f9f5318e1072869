import MessageFormat
import PeerTransport

/// The way to one other controller: a link, or the next attempt to have one.
///
/// waiting → connecting → greeting → open; every state falls back to waiting.
struct OutgoingPeer {
    enum State {
        case waiting(until: Tick)
        case connecting
        /// The hello is sent, its answer is due.
        case greeting(PeerLink, since: Tick)
        case open(PeerLink, heardAt: Tick, pingedAt: Tick)
    }

    private static let backoff: [Duration] = [20, 40, 80, 160, 200].map { .milliseconds($0) }
    private static let pingInterval = Duration.milliseconds(200)
    /// A link over which no answer has come for so long leads nowhere.
    private static let silenceMax = Duration.milliseconds(1_000)

    let endpoint: ControllerEndpoint
    private(set) var state: State
    private var failures = 0
    /// What was last said about it in the log.
    private(set) var problem: String?

    init(endpoint: ControllerEndpoint, at now: Tick) {
        self.endpoint = endpoint
        self.state = .waiting(until: now)
    }

    var link: PeerLink? {
        switch self.state {
        case .waiting, .connecting: nil
        case .greeting(let link, _), .open(let link, _, _): link
        }
    }

    /// Where messages may be sent.
    var openLink: PeerLink? {
        if case .open(let link, _, _) = self.state { link } else { nil }
    }

    enum Action { case nothing, connect, ping(PeerLink), giveUp(PeerLink) }

    mutating func advance(to now: Tick) -> Action {
        switch self.state {
        case .waiting(let until) where now >= until:
            self.state = .connecting
            return .connect
        case .greeting(let link, let since) where now - since >= Self.silenceMax:
            return .giveUp(link)
        case .open(let link, let heardAt, _) where now - heardAt >= Self.silenceMax:
            return .giveUp(link)
        case .open(let link, let heardAt, let pingedAt) where now - pingedAt >= Self.pingInterval:
            self.state = .open(link, heardAt: heardAt, pingedAt: now)
            return .ping(link)
        case .waiting, .connecting, .greeting, .open: return .nothing
        }
    }

    mutating func connected(_ link: PeerLink, at now: Tick) {
        self.state = .greeting(link, since: now)
    }

    mutating func welcomed(at now: Tick) {
        guard case .greeting(let link, _) = self.state else { return }
        self.state = .open(link, heardAt: now, pingedAt: now)
        self.failures = 0
        self.problem = nil
    }

    mutating func heard(at now: Tick) {
        guard case .open(let link, _, let pingedAt) = self.state else { return }
        self.state = .open(link, heardAt: now, pingedAt: pingedAt)
    }

    /// Returns whether the reason is news.
    mutating func failed(because reason: String?, at now: Tick) -> Bool {
        let pause = Self.backoff[min(self.failures, Self.backoff.count - 1)]
        self.failures += 1
        self.state = .waiting(until: now + pause)
        guard let reason, reason != self.problem else { return false }
        self.problem = reason
        return true
    }
}
