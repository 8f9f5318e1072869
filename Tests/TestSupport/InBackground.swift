package import Testing

import Dispatch
import Foundation
import Glibc
import Synchronization

/// Runs tests one after the other on a thread of low priority. A simulated cluster computes for
/// seconds without a pause: it would take threads and cores from tests that wait for real servers.
package struct InBackground: SuiteTrait, TestTrait, TestScoping {
    private static let thread = BackgroundThread()

    package var isRecursive: Bool { true }

    package func scopeProvider(for test: Test, testCase: Test.Case?) -> InBackground? {
        testCase == nil ? nil : self
    }

    package func provideScope(
        for test: Test, testCase: Test.Case?,
        performing function: @Sendable () async throws -> Void
    ) async throws {
        try await withTaskExecutorPreference(Self.thread) { try await function() }
    }
}

extension Trait where Self == InBackground {
    package static var inBackground: Self { Self() }
}

private final class BackgroundThread: TaskExecutor {
    private let jobs = Mutex<[UnownedJob]>([])
    private let arrived = DispatchSemaphore(value: 0)

    init() {
        Thread { [self] in
            // Of this thread only, on Linux.
            setpriority(Int32(PRIO_PROCESS.rawValue), 0, 10)
            while true {
                self.arrived.wait()
                let job = self.jobs.withLock { $0.removeFirst() }
                job.runSynchronously(on: self.asUnownedTaskExecutor())
            }
        }.start()
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        self.jobs.withLock { $0.append(job) }
        self.arrived.signal()
    }
}
