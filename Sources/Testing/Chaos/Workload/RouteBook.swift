internal import MessageFormat
internal import RemotingProtocol
internal import Synchronization

/// The workload's view of where its topic's queues are: refreshed often enough to follow restarts,
/// seldom enough not to matter.
final class RouteBook: Sendable {
    private static let freshFor: Duration = .seconds(1)

    private struct State {
        var queues: [RoutedQueue] = []
        var readAt: Tick?
    }

    private let access: ClusterAccess
    private let topic: String
    private let state = Mutex(State())

    init(access: ClusterAccess, topic: String) {
        self.access = access
        self.topic = topic
    }

    /// The queues to write to. An old answer is better than none: a name server may be down.
    func writable() async throws(AccessError) -> [RoutedQueue] {
        let now = Recorder.now
        let known = self.state.withLock { state -> [RoutedQueue]? in
            guard let readAt = state.readAt, now - readAt < Self.freshFor else { return nil }
            return state.queues
        }
        if let known { return known }
        do throws(AccessError) {
            let queues = try await self.access.route(of: self.topic).writableQueues(of: self.topic)
            guard !queues.isEmpty else { throw AccessError.noMaster(topic: self.topic) }
            self.state.withLock { $0 = State(queues: queues, readAt: now) }
            return queues
        } catch {
            let old = self.state.withLock { $0.queues }
            if old.isEmpty { throw error }
            return old
        }
    }
}
