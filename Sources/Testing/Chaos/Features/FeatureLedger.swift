internal import Synchronization

/// Which messages are still under way, and what handlers have to remember of them.
final class FeatureLedger: Sendable {
    private struct State {
        var expected: Set<ValueID> = []
        var finished: Set<ValueID> = []
        var met: Set<ValueID> = []
        var replayed: Set<ValueID> = []
        var committed: Set<ValueID> = []
    }

    private let state = Mutex(State())

    /// It is stored, so somebody has to be done with it some time.
    func expect(_ id: ValueID) { self.state.withLock { _ = $0.expected.insert(id) } }

    func finish(_ id: ValueID) { self.state.withLock { _ = $0.finished.insert(id) } }

    /// How many are stored and not yet done with.
    var open: Int { self.state.withLock { $0.expected.subtracting($0.finished).count } }

    /// Whether it has not been met before.
    func meet(_ id: ValueID) -> Bool { self.state.withLock { $0.met.insert(id).inserted } }

    func replay(_ id: ValueID) { self.state.withLock { _ = $0.replayed.insert(id) } }
    func isReplayed(_ id: ValueID) -> Bool { self.state.withLock { $0.replayed.contains(id) } }

    /// A transaction's local work, as it is found afterwards.
    func commit(_ id: ValueID) { self.state.withLock { _ = $0.committed.insert(id) } }
    func isCommitted(_ id: ValueID) -> Bool { self.state.withLock { $0.committed.contains(id) } }
}
