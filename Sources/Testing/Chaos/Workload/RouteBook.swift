internal import MessageFormat
internal import RemotingProtocol
internal import Synchronization

/// The workload's view of where its topic's queues are: refreshed seldom while all is well, and
/// often for a while after a failure, so that a new master is found as soon as it is known.
///
/// A broker that failed is left alone for a moment if there is another one, as clients do: else
/// every producer would soon wait for the one that does not answer.
final class RouteBook: Sendable {
    private static let freshFor: Duration = .seconds(1)
    private static let freshAfterFailure: Duration = .milliseconds(50)
    private static let failureLasts: Duration = .seconds(10)
    private static let avoidedFor: Duration = .milliseconds(500)

    private struct State {
        var queues: [RoutedQueue] = []
        var readAt: Tick?
        var failedAt: Tick?
        var avoidedUntil: [String: Tick] = [:]
        /// Sends without an answer, by address.
        var waiting: [String: Int] = [:]
    }

    private let access: ClusterAccess
    private let topic: String
    private let producers: Int
    private let state = Mutex(State())

    init(access: ClusterAccess, topic: String, producers: Int) {
        self.access = access
        self.topic = topic
        self.producers = producers
    }

    /// Chooses where the next send goes, and counts it as waiting until `ended`.
    ///
    /// From `turn` on the first queue whose broker does not keep its share of the producers waiting
    /// already: a broker that stands still must not hold all of them.
    func begin(_ queues: [RoutedQueue], turn: Int) -> RoutedQueue? {
        let share = max(1, self.producers / max(1, Set(queues.map(\.address)).count))
        return self.state.withLock { state in
            let inTurn = queues.indices.lazy.map { queues[(turn + $0) % queues.count] }
            let free = inTurn.first { state.waiting[$0.address, default: 0] < share }
            guard let chosen = free ?? inTurn.first else { return nil }
            state.waiting[chosen.address, default: 0] += 1
            return chosen
        }
    }

    func ended(_ address: String, _ outcome: SendOutcome) {
        let now = Recorder.now
        self.state.withLock { state in
            state.waiting[address, default: 0] -= 1
            guard outcome != .acknowledged else { return }
            state.failedAt = now
            state.avoidedUntil[address] = now + Self.avoidedFor
        }
    }

    /// The queues to write to. An old answer is better than none: a name server may be down.
    func writable() async throws(AccessError) -> [RoutedQueue] {
        let now = Recorder.now
        if let known = self.known(at: now) { return known }
        do throws(AccessError) {
            let queues = try await self.access.route(of: self.topic).writableQueues(of: self.topic)
            guard !queues.isEmpty else { throw AccessError.noMaster(topic: self.topic) }
            return self.state.withLock { state in
                state.queues = queues
                state.readAt = now
                return Self.usable(state, at: now)
            }
        } catch {
            let old = self.state.withLock { Self.usable($0, at: now) }
            if old.isEmpty { throw error }
            return old
        }
    }

    private func known(at now: Tick) -> [RoutedQueue]? {
        self.state.withLock { state in
            let hasFailed = state.failedAt.map { now - $0 < Self.failureLasts } ?? false
            let fresh = hasFailed ? Self.freshAfterFailure : Self.freshFor
            guard let readAt = state.readAt, now - readAt < fresh else { return nil }
            return Self.usable(state, at: now)
        }
    }

    private static func usable(_ state: State, at now: Tick) -> [RoutedQueue] {
        let good = state.queues.filter { (state.avoidedUntil[$0.address] ?? now) <= now }
        return good.isEmpty ? state.queues : good
    }
}
