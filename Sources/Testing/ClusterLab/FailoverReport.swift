package import Chaos

/// What came of one kind of fault, struck again and again.
package struct FailoverReport: Sendable {
    package var kind: FailoverLoop.Kind
    package var times: FailoverLoop.Times
    package var verdict: Verdict

    package init(_ kind: FailoverLoop.Kind, _ verdict: Verdict) {
        self.kind = kind
        self.times = FailoverLoop.Times(verdict)
        self.verdict = verdict
    }

    package var isGood: Bool { self.verdict.outcome == .valid }

    /// The times as a person reads them.
    package var text: String {
        """
        \(self.kind.rawValue): \(self.times.faults) faults, \(self.times.takenOver.count) takeovers
        from the fault to the new master's first acknowledgement: \(Self.text(self.times.takenOver))
        longest time in which one group took nothing, per fault: \(Self.text(self.times.groupGaps))
        longest time without a successful send of the whole workload: \
        \(self.verdict.longestGapMilliseconds) ms
        """
    }

    private static func text(_ ascending: [Int]) -> String {
        guard let median = FailoverLoop.Times.median(ascending), let worst = ascending.last else {
            return "-"
        }
        let all = ascending.map(String.init).joined(separator: " ")
        return "median \(median) ms, worst \(worst) ms (\(all))"
    }

    /// All kinds as the table that the documentation keeps.
    package static func markdown(_ reports: [FailoverReport]) -> String {
        MarkdownTable.text(
            head: [
                "fault", "times", "new master's first ack: median", "worst",
                "the group took nothing: median", "worst",
                "longest time without a successful send", "lost", "verdict",
            ],
            rows: reports.map(\.markdownRow))
    }

    private var markdownRow: [String] {
        let (takenOver, gaps) = (self.times.takenOver, self.times.groupGaps)
        let times: [Int?] = [
            FailoverLoop.Times.median(takenOver), takenOver.last,
            FailoverLoop.Times.median(gaps), gaps.last, self.verdict.longestGapMilliseconds,
        ]
        return ["`\(self.kind.rawValue)`", "\(self.times.faults)"]
            + times.map { MarkdownTable.milliseconds($0) }
            + ["\(self.verdict.lost)", self.verdict.outcome.rawValue]
    }
}
