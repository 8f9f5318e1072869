package import Testing

import Synchronization

/// For tests with real sockets, processes or clocks: they wait for something to happen.
///
/// The test runner starts all tests at once on as many threads as there are processors, and
/// nothing can happen in time while a thousand computing tests stand in that queue. So these
/// tests begin when the queue is short, and few of them are under way at once.
package struct RealTime: SuiteTrait, TestTrait, TestScoping {
    private static let places = Places(count: 4)

    /// How long a test may take from its own beginning: a safety net, not an expectation.
    let limit: Duration

    package var isRecursive: Bool { true }

    package func scopeProvider(for test: Test, testCase: Test.Case?) -> RealTime? {
        testCase == nil ? nil : self
    }

    package func provideScope(
        for test: Test, testCase: Test.Case?,
        performing function: @Sendable () async throws -> Void
    ) async throws {
        await Self.places.take()
        defer { Self.places.giveBack() }
        await Self.queueIsShort()
        try await self.withinLimit(function)
    }

    /// Waits until whoever gets in line has its turn soon.
    private static func queueIsShort() async {
        let clock = ContinuousClock()
        while await clock.measure({ await Task.yield() }) > .milliseconds(50) {
            try? await Task.sleep(for: .milliseconds(100))
        }
    }

    private func withinLimit(_ function: @Sendable () async throws -> Void) async throws {
        try await withoutActuallyEscaping(function) { function in
            try await withThrowingTaskGroup(of: Bool.self) { tasks in
                tasks.addTask {
                    try await function()
                    return true
                }
                tasks.addTask {
                    try await Task.sleep(for: self.limit)
                    return false
                }
                if try await tasks.next() == false {
                    Issue.record("has not ended after \(self.limit)")
                }
                tasks.cancelAll()
            }
        }
    }
}

extension Trait where Self == RealTime {
    package static var realTime: Self { .realTime(limit: .seconds(240)) }

    package static func realTime(limit: Duration) -> Self { Self(limit: limit) }
}

/// A number of places that are taken in the order of asking.
private final class Places: Sendable {
    private struct State {
        var free: Int
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state: Mutex<State>

    init(count: Int) { self.state = Mutex(State(free: count)) }

    func take() async {
        await withCheckedContinuation { continuation in
            let isFree = self.state.withLock { state in
                guard state.free == 0 else {
                    state.free -= 1
                    return true
                }
                state.waiting.append(continuation)
                return false
            }
            if isFree { continuation.resume() }
        }
    }

    func giveBack() {
        let next = self.state.withLock { state -> CheckedContinuation<Void, Never>? in
            guard state.waiting.isEmpty else { return state.waiting.removeFirst() }
            state.free += 1
            return nil
        }
        next?.resume()
    }
}
