internal import Glibc
package import MessageFormat
internal import Synchronization

/// Takes down everything that happens in a run: for the file, for the checker, for the eye.
///
/// The one lock orders the events; each is in the file before the call that it announces is made.
package final class Recorder: Sendable {
    /// What has happened so far, for whoever watches.
    package struct Counters: Hashable, Sendable {
        package var attempts = 0
        package var acknowledged = 0
        package var unknown = 0
        package var failed = 0
        package var received = 0
        package var drained = 0
        package var lastAcknowledgedAt: Tick?
        package var lastProblem: String?
    }

    private struct State {
        var checker: Checker
        var counters = Counters()
        var writeError: HistoryError?
    }

    private let writer: HistoryWriter?
    private let state: Mutex<State>

    package init(run: String, feature: Feature? = nil, writer: HistoryWriter? = nil) {
        self.writer = writer
        self.state = Mutex(State(checker: Checker(run: run, feature: feature)))
    }

    /// The machine's monotonic clock, which all processes of a run share.
    package static var now: Tick {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Tick(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }

    package static var wallNow: Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(
            milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }

    package func record(_ kind: HistoryEvent.Kind) {
        self.state.withLock { state in
            let event = HistoryEvent(at: Self.now, kind)
            self.append(event, &state)
            state.checker.observe(event)
            state.counters.count(event)
        }
    }

    /// Takes an event over that another process has timed.
    package func merge(_ event: HistoryEvent) {
        self.state.withLock { state in
            self.append(event, &state)
            state.checker.observe(event)
        }
    }

    package var counters: Counters { self.state.withLock { $0.counters } }

    /// Judges everything so far. Throws if the history could not be written: then nobody could
    /// check the verdict.
    package func verdict() throws(HistoryError) -> Verdict {
        let (checker, error) = self.state.withLock { ($0.checker, $0.writeError) }
        if let error { throw error }
        return checker.verdict()
    }

    private func append(_ event: HistoryEvent, _ state: inout State) {
        guard let writer = self.writer, state.writeError == nil else { return }
        do {
            try writer.append(event.line)
        } catch {
            state.writeError = error
        }
    }
}

extension Recorder.Counters {
    fileprivate mutating func count(_ event: HistoryEvent) {
        switch event.kind {
        case .sendStarted: self.attempts += 1
        case .sendEnded(_, .acknowledged, _, _, _):
            self.acknowledged += 1
            self.lastAcknowledgedAt = event.at
        case .sendEnded(_, .unknown, let status, _, _):
            self.unknown += 1
            self.lastProblem = status
        case .sendEnded(_, .failed, let status, _, _):
            self.failed += 1
            self.lastProblem = status
        case .received: self.received += 1
        case .drained: self.drained += 1
        default: break
        }
    }
}
