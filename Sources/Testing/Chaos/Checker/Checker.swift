/// Decides from a history whether the cluster kept its promises.
///
/// Feed it every event, in any order that keeps each process's own order, then ask for the verdict.
/// It is pure: the same events give the same verdict. Time O(n log n), memory in proportion to the
/// number of messages.
package struct Checker: Sendable {
    private var record: Record
    private var isTorn = false

    /// `run` is the prefix of the run's client names; other messages in the topic are not judged.
    ///
    /// - Parameter feature: what the run was to prove, if not the plain way.
    package init(run: String, feature: Feature? = nil) {
        self.record = Record(run: run)
        self.record.lives = feature.map { Lives(of: $0, run: run) }
    }

    package init(_ header: HistoryHeader) {
        self.init(
            run: header.run, feature: header.setting("feature").flatMap(Feature.init(rawValue:)))
    }

    package mutating func observe(_ event: HistoryEvent) { self.record.observe(event) }

    /// The history breaks off in the middle of a line: whoever wrote it died.
    package mutating func observeTornEnd() { self.isTorn = true }

    package func verdict() -> Verdict {
        var findings = Findings(record: self.record)
        findings.checkSets()
        if let lives = self.record.lives {
            findings.check(lives)
        } else {
            findings.checkOneLog()
            findings.checkSendOrder()
            findings.checkDeliveryOrder()
            findings.checkDuplicates()
            findings.checkProgress()
        }
        findings.checkMasters()
        findings.checkAvailability()
        if self.isTorn { findings.doubt("the history's last line is torn: the run did not end") }
        return findings.finished()
    }

    package static func verdict(
        on events: some Sequence<HistoryEvent>, run: String, feature: Feature? = nil
    ) -> Verdict {
        var checker = Self(run: run, feature: feature)
        for event in events { checker.observe(event) }
        return checker.verdict()
    }
}

/// A verdict in the making: the record, and what the checks have found in it.
struct Findings {
    /// More of the same teach nothing.
    private static let problemsPerKindMax = 3

    let record: Record
    let tell: Storyteller
    var verdict = Verdict()
    /// Queues with acknowledged messages that were not read back.
    var undetermined: Set<Int32> = []
    private var doubts: [String] = []

    init(record: Record) {
        self.record = record
        self.tell = Storyteller(record: record)
    }

    /// A promise was broken. The story is told only for the first few.
    mutating func found(
        _ kind: Problem.Kind, _ summary: String, story: (Storyteller) -> [String]
    ) {
        let count = self.verdict.broken[kind, default: 0] + 1
        self.verdict.broken[kind] = count
        guard count <= Self.problemsPerKindMax else { return }
        self.verdict.problems.append(
            Problem(kind: kind, summary: summary, story: story(self.tell)))
    }

    /// Something is not known that would have to be.
    mutating func doubt(_ reason: String) { self.doubts.append(reason) }

    consuming func finished() -> Verdict {
        var verdict = self.verdict
        if verdict.acknowledged == 0 { self.doubts.insert("no send was acknowledged", at: 0) }
        let broken = verdict.broken.sorted { $0.key < $1.key }
        verdict.reasons = broken.map { "\($0.key.rawValue): \($0.value)" } + self.doubts
        verdict.outcome =
            !verdict.broken.isEmpty ? .invalid : self.doubts.isEmpty ? .valid : .inconclusive
        return verdict
    }
}
