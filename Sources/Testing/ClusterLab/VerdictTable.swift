package import Chaos

extension Verdict {
    /// The verdict as a person reads it.
    package var table: String {
        var rows = [
            ["acknowledged", "\(self.acknowledged)"],
            ["delivered", "\(self.delivered)"],
            ["lost", "\(self.lost)"],
            ["reordered", "\(self.reordered)"],
            ["stored twice", "\(self.storedTwice)"],
            ["sent more than once", "\(self.repeated)"],
            ["duplicates", "\(self.duplicatedInAll)"],
        ]
        rows += self.duplicated.sorted { $0.key < $1.key }
            .map { ["", "\($0.value) \($0.key.explanation)"] }
        rows += [
            ["longest time without a successful send", "\(self.longestGapMilliseconds) ms"],
            ["verdict", self.outcomeText],
        ]
        rows += self.reasons.map { ["", $0] }
        rows += self.problems.flatMap { problem in
            [["", "\(problem.kind.rawValue): \(problem.summary)"]]
                + problem.story.map { ["", "  \($0)"] }
        }
        return TextTable.text(rows)
    }

    private var outcomeText: String {
        switch self.outcome {
        case .valid: "good: nothing acknowledged was lost, order held, every duplicate has a cause"
        case .invalid: "BAD: a promise was broken"
        case .inconclusive: "INCONCLUSIVE: too little is known, which is not a pass"
        }
    }
}

extension DuplicateCause {
    fileprivate var explanation: String {
        switch self {
        case .resent: "sent again, as the first answer never came"
        case .consumerLeft: "redelivered, as the consumer that had it died or left"
        case .rebalanced: "redelivered, as the queue moved to another consumer"
        case .acknowledgementUncertain: "redelivered, as the acknowledgement may have been lost"
        case .retried: "asked for again by the consumer"
        case .failover: "redelivered, as the queue's group got another master"
        case .fault: "redelivered around a fault"
        case .unexplained: "WITHOUT A CAUSE"
        }
    }
}
