package import MessageFormat

/// Which brokers must hear from this client, and when.
///
/// Every 30 seconds, at once for a new broker, and soon after a connection closed: a broker forgets
/// a client whose connection is gone.
package struct Heartbeats: Sendable {
    private struct Peer {
        var dueAt: Tick
        var isBeating = false
        var failures = 0
    }

    private let interval: Duration
    private let retryFirst = Duration.milliseconds(100)
    private let retryMax = Duration.seconds(2)
    private var peers: [String: Peer] = [:]
    private var beating: [CallToken: String] = [:]

    package init(interval: Duration = .seconds(30)) { self.interval = interval }

    /// The addresses in use now. What is no longer among them is forgotten.
    package mutating func use(_ addresses: Set<String>, at now: Tick) {
        self.peers = self.peers.filter { addresses.contains($0.key) }
        for address in addresses where self.peers[address] == nil {
            self.peers[address] = Peer(dueAt: now)
        }
    }

    /// The broker may not know this client any more.
    package mutating func renew(_ address: String, at now: Tick) {
        guard let peer = self.peers[address] else { return }
        let dueAt = peer.failures > 0 ? now + self.retryFirst : now
        self.peers[address]?.dueAt = min(peer.dueAt, dueAt)
    }

    package var addresses: [String] { self.peers.keys.sorted() }

    package var nextWakeAt: Tick? {
        self.peers.values.lazy.filter { !$0.isBeating }.map(\.dueAt).min()
    }

    /// Addresses whose heartbeat is due; each must be followed by `started`.
    package mutating func due(at now: Tick) -> [String] {
        self.peers.filter { !$0.value.isBeating && $0.value.dueAt <= now }.keys.sorted()
    }

    package mutating func started(_ address: String, _ token: CallToken) {
        self.peers[address]?.isBeating = true
        self.beating[token] = address
    }

    /// A heartbeat ended. Returns the address if the token was one of ours.
    package mutating func ended(
        _ token: CallToken, isAnswered: Bool, at now: Tick
    ) -> String? {
        guard let address = self.beating.removeValue(forKey: token) else { return nil }
        guard var peer = self.peers[address] else { return address }
        peer.isBeating = false
        peer.failures = isAnswered ? 0 : peer.failures + 1
        peer.dueAt = now + (isAnswered ? self.interval : self.pause(peer.failures))
        self.peers[address] = peer
        return address
    }

    private func pause(_ failures: Int) -> Duration {
        var pause = self.retryFirst
        for _ in 1..<failures where pause < self.retryMax { pause *= 2 }
        return min(pause, self.retryMax)
    }
}
