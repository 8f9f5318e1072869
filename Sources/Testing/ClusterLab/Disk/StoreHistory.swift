import Chaos
import MessageFormat
import Synchronization

/// What was sent to one topic of one broker, what was promised, and what was read back last.
///
/// Events are kept, not judged at once: which sends count as promised depends on the moment that a
/// disk's content is of.
final class StoreHistory: Sendable {
    /// How a stored message fared when it was asked for.
    struct Reading: Sendable {
        var events: [HistoryEvent] = []
        /// Places for which the broker answered with an error, and the last of those errors.
        var withheld: Set<QueuePosition> = []
        var complaint: String?
    }

    struct Send: Sendable {
        var id: ValueID
        var startedAt: Tick
        var endedAt: Tick?
        var outcome: SendOutcome?
        var status = ""
        var position: QueuePosition?
    }

    static let queues: Int32 = 4

    let topic: String
    private let state = Mutex((sends: [Send](), reading: Reading()))

    init(topic: String) { self.topic = topic }

    /// The prefix of the clients' names.
    var run: String { self.topic }

    var sends: [Send] { self.state.withLock { $0.sends } }
    var acknowledged: Int { self.state.withLock { $0.sends.count { $0.outcome == .acknowledged } } }

    /// - Returns: the send's number, for `ended`.
    func started() -> (Int, ValueID) {
        self.state.withLock { state in
            let id = ValueID(
                client: "\(self.run)-p", sequence: Int64(state.sends.count), attempt: 1)
            state.sends.append(Send(id: id, startedAt: Recorder.now))
            return (state.sends.count - 1, id)
        }
    }

    func ended(_ number: Int, _ report: SendReport) {
        self.state.withLock { state in
            state.sends[number].endedAt = Recorder.now
            state.sends[number].outcome = report.outcome
            state.sends[number].status = report.status
            state.sends[number].position = report.position
        }
    }

    /// Replaces what was read before.
    func read(_ reading: Reading) { self.state.withLock { $0.reading = reading } }

    /// Holds what was read against what was promised.
    ///
    /// - Parameter moment: the disk's content is of this time: what was promised before it must be
    ///   there, what was begun after its end cannot be.
    func findings(of moment: ClosedRange<Tick>? = nil) -> StoreFindings {
        let (sends, reading) = self.state.withLock { ($0.sends, $0.reading) }
        var findings = StoreFindings()
        var checker = Checker(run: self.run)
        for send in sends where moment.map({ send.startedAt <= $0.upperBound }) ?? true {
            checker.observe(
                HistoryEvent(at: send.startedAt, .sendStarted(send.id, topic: self.topic)))
            guard let endedAt = send.endedAt, let outcome = send.outcome else { continue }
            let isKnown = moment.map { endedAt < $0.lowerBound } ?? true
            var promised = isKnown ? outcome : .unknown
            if outcome == .acknowledged, isKnown {
                findings.acknowledged += 1
                if let position = send.position, reading.withheld.contains(position) {
                    findings.withheld += 1
                    promised = .unknown
                }
            }
            if promised == .unknown { findings.unknown += 1 }
            if promised == .failed { findings.refused += 1 }
            checker.observe(
                HistoryEvent(
                    at: endedAt,
                    .sendEnded(send.id, promised, status: send.status, send.position)))
        }
        for event in reading.events { checker.observe(event) }
        findings.complaint = reading.complaint
        findings.take(checker.verdict())
        return findings
    }
}

/// What came of a store, in numbers.
struct StoreFindings: Hashable, Sendable {
    var acknowledged = 0
    var unknown = 0
    var refused = 0
    /// Acknowledged and not there, and nobody says so.
    var lost = 0
    /// Served although it is not what was sent, or not where it was said to be.
    var wrong = 0
    /// Acknowledged, and an error is served in its place.
    var withheld = 0
    /// What the broker says of a message that it does not serve.
    var complaint: String?
    /// The first few broken promises, in words.
    var stories: [String] = []

    mutating func take(_ verdict: Verdict) {
        self.lost = verdict.lost + verdict.broken[.vanished, default: 0]
        self.wrong = verdict.broken.filter { Self.wrongs.contains($0.key) }.values.reduce(0, +)
        self.stories = verdict.problems.map { "\($0.kind.rawValue): \($0.summary)" }
    }

    private static let wrongs: Set<Problem.Kind> = [
        .corrupt, .conflicting, .misplaced, .storedTwice, .unexpected, .aborted, .reordered,
    ]

    static func + (left: Self, right: Self) -> Self {
        var sum = left
        sum.acknowledged += right.acknowledged
        sum.unknown += right.unknown
        sum.refused += right.refused
        sum.lost += right.lost
        sum.wrong += right.wrong
        sum.withheld += right.withheld
        sum.complaint = right.complaint ?? left.complaint
        sum.stories = Array((left.stories + right.stories).prefix(6))
        return sum
    }
}
