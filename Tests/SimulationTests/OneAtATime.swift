import Testing

/// Lets one test case at a time simulate a cluster: such a test computes for seconds without a
/// pause, and all threads of the pool would be taken from tests that wait for real servers.
struct OneAtATime: SuiteTrait, TestTrait, TestScoping {
    private static let gate = Gate()

    var isRecursive: Bool { true }

    func scopeProvider(for test: Test, testCase: Test.Case?) -> OneAtATime? {
        testCase == nil ? nil : self
    }

    func provideScope(
        for test: Test, testCase: Test.Case?,
        performing function: @Sendable () async throws -> Void
    ) async throws {
        await Self.gate.enter()
        do {
            try await function()
        } catch {
            await Self.gate.leave()
            throw error
        }
        await Self.gate.leave()
    }

    private actor Gate {
        private var isTaken = false
        private var waiting: [CheckedContinuation<Void, Never>] = []

        func enter() async {
            guard self.isTaken else {
                self.isTaken = true
                return
            }
            await withCheckedContinuation { self.waiting.append($0) }
        }

        func leave() {
            guard self.waiting.isEmpty else { return self.waiting.removeFirst().resume() }
            self.isTaken = false
        }
    }
}

extension Trait where Self == OneAtATime {
    static var oneAtATime: Self { Self() }
}
