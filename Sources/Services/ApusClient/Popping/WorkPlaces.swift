import Synchronization

/// How many messages may be handled at the same time, and how many more than now.
///
/// One loop asks and takes; whoever is done leaves.
final class WorkPlaces: Sendable {
    private struct State {
        var free: Int
        var asking: CheckedContinuation<Void, Never>?
    }

    private let state: Mutex<State>

    init(_ count: Int) { self.state = Mutex(State(free: count)) }

    /// Waits until there is one. All that are free then.
    func free() async -> Int {
        await withCheckedContinuation { asking in
            let isFree = self.state.withLock { state in
                if state.free <= 0 { state.asking = asking }
                return state.free > 0
            }
            if isFree { asking.resume() }
        }
        return self.state.withLock { $0.free }
    }

    func take(_ count: Int) { self.state.withLock { $0.free -= count } }

    func leave() {
        let asking = self.state.withLock { state in
            state.free += 1
            return state.free > 0 ? state.asking.take() : nil
        }
        asking?.resume()
    }
}
