import Foundation

/// What a suite of disk faults has shown.
package struct DiskReport: Hashable, Codable, Sendable {
    package enum Outcome: String, Hashable, Codable, Sendable {
        case good
        /// A promise was broken.
        case bad
        /// This machine cannot do it; `reasons` says why.
        case skipped
    }

    /// One kind of fault at one kind of place.
    package struct Row: Hashable, Codable, Sendable {
        package var what: String
        package var times = 0
        /// Calls that met the fault, or bytes that were damaged.
        package var faults = 0
        package var acknowledged = 0
        package var lost = 0
        package var wrong = 0
        package var falselyAcknowledged = 0
        package var withheld = 0
        /// What the broker did, in words.
        package var note = ""
        /// What went wrong; empty: nothing.
        package var problems: [String] = []

        package init(_ what: String) { self.what = what }

        package var isGood: Bool { self.problems.isEmpty }

        mutating func add(_ findings: StoreFindings) {
            self.acknowledged += findings.acknowledged
            self.lost += findings.lost
            self.wrong += findings.wrong
            self.withheld += findings.withheld
        }
    }

    package var suite: DiskSuite
    package var outcome = Outcome.good
    package var reasons: [String] = []
    package var rows: [Row] = []
    package var seed: UInt64 = 0
    package var seconds = 0.0

    package init(_ suite: DiskSuite, seed: UInt64) {
        self.suite = suite
        self.seed = seed
    }

    package var isGood: Bool { self.outcome != .bad }

    mutating func finish() {
        if self.rows.contains(where: { !$0.isGood }) { self.outcome = .bad }
    }

    package static func json(_ reports: [DiskReport]) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(reports), as: UTF8.self)
    }
}

extension DiskReport {
    static let head = [
        "FAULT", "TIMES", "HITS", "ACKED", "LOST", "WRONG", "FALSE OK", "ERRORS", "VERDICT", "",
    ]

    package var text: String {
        guard self.outcome != .skipped else {
            return "\(self.suite.rawValue): skipped: \(self.reasons.joined(separator: "; "))"
        }
        return TextTable.text([Self.head] + self.rows.map(\.cells)) + "\n" + self.summary
    }

    /// The broken promises, and all rows in one.
    package var summary: String {
        let problems = self.rows.flatMap { row in
            row.problems.prefix(8).map { "  \(row.what): \($0)" }
        }
        let sum = self.sum
        let last =
            "\(self.suite.rawValue): \(self.outcome.rawValue): \(sum.times) times, \(sum.faults) "
            + "faults, \(sum.acknowledged) acknowledged, \(sum.lost) lost, \(sum.wrong) wrong, "
            + "\(sum.falselyAcknowledged) false SEND_OK; "
            + "\(String(format: "%.1f", self.seconds)) s, seed \(self.seed)"
        return (problems + [last]).joined(separator: "\n")
    }

    /// For a Markdown page.
    package var markdown: String {
        MarkdownTable.text(
            head: Self.head.dropLast() + ["what the broker does"], rows: self.rows.map(\.cells))
    }

    private var sum: Row {
        self.rows.reduce(into: Row("all")) { sum, row in
            sum.times += row.times
            sum.faults += row.faults
            sum.acknowledged += row.acknowledged
            sum.lost += row.lost
            sum.wrong += row.wrong
            sum.falselyAcknowledged += row.falselyAcknowledged
            sum.withheld += row.withheld
        }
    }
}

extension DiskReport.Row {
    var cells: [String] {
        [
            self.what, "\(self.times)", "\(self.faults)", "\(self.acknowledged)", "\(self.lost)",
            "\(self.wrong)", "\(self.falselyAcknowledged)", "\(self.withheld)",
            self.isGood ? "good" : "BAD", self.note,
        ]
    }
}
