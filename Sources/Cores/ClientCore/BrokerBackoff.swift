package import MessageFormat

/// Keeps producers away from brokers that failed, for a growing but capped time.
///
/// Only an attempt that began after the last failure says something new: a thousand requests that
/// die with one connection are one failure, and an old success does not clear a new failure.
package struct BrokerBackoff: Sendable {
    private struct Trouble {
        var failures: Int
        var lastFailure: Tick
        var avoidedUntil: Tick
    }

    private let first: Duration
    private let max: Duration
    private var troubles: [String: Trouble] = [:]

    package init(first: Duration = .milliseconds(200), max: Duration = .seconds(10)) {
        self.first = first
        self.max = max
    }

    /// An attempt at `broker` that began at `start` failed.
    package mutating func failed(_ broker: String, startedAt start: Tick, at now: Tick) {
        let known = self.troubles[broker]
        if let known, start <= known.lastFailure { return }
        let failures = (known?.failures ?? 0) + 1
        self.troubles[broker] = Trouble(
            failures: failures, lastFailure: now, avoidedUntil: now + self.pause(failures))
    }

    /// An attempt at `broker` that began at `start` was answered well.
    package mutating func succeeded(_ broker: String, startedAt start: Tick) {
        guard !self.troubles.isEmpty, let known = self.troubles[broker] else { return }
        if start > known.lastFailure { self.troubles[broker] = nil }
    }

    package func isAvailable(_ broker: String, at now: Tick) -> Bool {
        guard !self.troubles.isEmpty, let known = self.troubles[broker] else { return true }
        return known.avoidedUntil <= now
    }

    /// The broker has a new master: what the old one did does not count.
    package mutating func forget(_ broker: String) { self.troubles[broker] = nil }

    /// Forgets brokers that are no longer part of any route.
    package mutating func keep(only brokers: Set<String>) {
        self.troubles = self.troubles.filter { brokers.contains($0.key) }
    }

    private func pause(_ failures: Int) -> Duration {
        var pause = self.first
        for _ in 1..<failures where pause < self.max { pause *= 2 }
        return min(pause, self.max)
    }
}
