import Chaos
import MessageFormat
import Synchronization

/// What the connections of a measurement add up, each under its own lock, so that they do not
/// wait for each other.
final class BenchTotals: Sendable {
    struct Counts: Sendable {
        var messages = 0
        var bytes = 0
        /// Looked at by a broker, wanted or not.
        var examined: Int64 = 0
        var errors = 0
        var firstError: String?
        var latency = LatencyHistogram()
        /// Answered `SYSTEM_BUSY`; also among the errors.
        var refused = 0
        var refusalLatency = LatencyHistogram()
    }

    private let counts = Mutex(Counts())

    func succeeded(messages: Int = 1, bytes: Int, nanoseconds: Int64) {
        self.counts.withLock { counts in
            counts.messages += messages
            counts.bytes += bytes
            counts.latency.add(nanoseconds)
        }
    }

    func examined(_ messages: Int64) { self.counts.withLock { $0.examined += messages } }

    func failed(_ problem: String) {
        self.counts.withLock { counts in
            counts.errors += 1
            if counts.firstError == nil { counts.firstError = problem }
        }
    }

    func refused(_ problem: String, nanoseconds: Int64) {
        self.failed(problem)
        self.counts.withLock { counts in
            counts.refused += 1
            counts.refusalLatency.add(nanoseconds)
        }
    }

    var sum: Counts { self.counts.withLock { $0 } }
}

extension [BenchTotals] {
    func result(mode: String, seconds: Double, durability: String) -> BenchResult {
        var result = BenchResult(mode: mode, seconds: seconds, durability: durability)
        for totals in self {
            let sum = totals.sum
            result.messages += sum.messages
            result.bytes += sum.bytes
            result.errors += sum.errors
            result.firstError = result.firstError ?? sum.firstError
            result.latency.add(sum.latency)
            result.refused += sum.refused
            result.refusalLatency.add(sum.refusalLatency)
        }
        return result
    }

    var messages: Int { self.reduce(0) { $0 + $1.sum.messages } }
}

extension Tick {
    /// Nanoseconds since `earlier`.
    func since(_ earlier: Tick) -> Int64 { self.nanoseconds - earlier.nanoseconds }
}

/// A server that fails at once would otherwise be asked without end in the same breath.
enum BenchPause {
    static func then(_ goOn: @escaping @Sendable () -> Void) {
        Task {
            try? await Task.sleep(for: .milliseconds(20))
            goOn()
        }
    }
}
