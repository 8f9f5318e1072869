import Chaos
import MessageFormat
import Synchronization

/// What a workload is doing now, in words for the progress line.
final class PhaseNote: Sendable {
    private let phase = Mutex(Workload.Phase.preparing)

    func enter(_ phase: Workload.Phase) { self.phase.withLock { $0 = phase } }

    func text(_ counters: Recorder.Counters) -> String {
        let phase = self.phase.withLock { $0 }
        var text = "\(phase.rawValue): \(counters.acknowledged) acknowledged"
        if counters.unknown + counters.failed > 0 {
            text += ", \(counters.unknown) unknown, \(counters.failed) refused"
        }
        text += ", \(counters.received) received"
        if phase == .reading { text += ", \(counters.drained) read back" }
        guard phase == .sending, let last = counters.lastAcknowledgedAt,
            Recorder.now - last > .seconds(1)
        else { return text }
        let problem = counters.lastProblem.map { ": \($0)" } ?? ""
        return text + "; nothing acknowledged for \((Recorder.now - last).components.seconds) s"
            + problem
    }
}
