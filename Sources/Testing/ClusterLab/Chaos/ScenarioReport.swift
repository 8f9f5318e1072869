package import Chaos
import Foundation

/// What came of a scenario.
package struct ScenarioReport: Hashable, Codable, Sendable {
    package enum Outcome: String, Hashable, Codable, Sendable {
        case valid
        /// A promise was broken.
        case invalid
        /// Too little happened or is known: not a pass.
        case inconclusive
        /// The cluster did not heal, or could not even be used.
        case failed
        /// This machine cannot do it; `reasons` says why.
        case skipped
    }

    package var scenario: Scenario
    package var outcome: Outcome
    package var reasons: [String] = []
    package var seed: UInt64 = 0
    package var seconds = 0.0
    package var timeline: [String] = []
    package var faults: [String] = []
    package var acknowledged = 0
    package var lost = 0
    package var reordered = 0
    package var duplicatedExplained = 0
    package var duplicatedUnexplained = 0
    /// The longest time without a successful send: of the whole workload, and of each group.
    package var longestGapMilliseconds: Int?
    package var longestGapsByGroup: [String: Int] = [:]
    /// From a fault of a master to the first acknowledgement by another broker of its group.
    package var takenOverMilliseconds: Int?
    /// What there is to say about a feature, such as how late the latest delivery was.
    package var notes: [String]?
    /// The workload's history first.
    package var histories: [String] = []

    package init(_ scenario: Scenario, _ outcome: Outcome, reasons: [String] = []) {
        self.scenario = scenario
        self.outcome = outcome
        self.reasons = reasons
    }

    package init(_ scenario: Scenario, _ verdict: Verdict) {
        self.scenario = scenario
        self.outcome =
            switch verdict.outcome {
            case .valid: .valid
            case .invalid: .invalid
            case .inconclusive: .inconclusive
            }
        self.reasons =
            verdict.reasons
            + verdict.problems.flatMap { ["\($0.kind.rawValue): \($0.summary)"] + $0.story }
        self.faults = verdict.faults.map { "\($0.name) \($0.target): \($0.proof)" }
        self.acknowledged = verdict.acknowledged
        self.lost = verdict.lost
        self.reordered = verdict.reordered
        self.duplicatedUnexplained = verdict.duplicatedUnexplained
        self.duplicatedExplained = verdict.duplicatedInAll - verdict.duplicatedUnexplained
        self.longestGapMilliseconds = verdict.longestGapMilliseconds
        self.longestGapsByGroup = verdict.longestGapsByGroup
        self.takenOverMilliseconds = verdict.faults.compactMap(\.takenOverMilliseconds).max()
        self.notes = verdict.notes.isEmpty ? nil : verdict.notes
    }

    /// Whether it counts as a success: what cannot be done here is no failure.
    package var isGood: Bool { self.outcome == .valid || self.outcome == .skipped }

    package func save(to path: String) throws {
        try SmallFile.write(Self.encoded(self), to: path)
    }

    package static func json(_ reports: [ScenarioReport]) throws -> String {
        try self.encoded(reports)
    }

    private static func encoded(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }
}

extension ScenarioReport {
    /// All reports, a line each.
    package static func table(_ reports: [ScenarioReport]) -> String {
        let head = [
            "SCENARIO", "VERDICT", "ACKED", "LOST", "REORDERED", "DUPLICATED", "GAP ms",
            "GROUP GAP ms", "NEW MASTER ms",
        ]
        let hasNotes = reports.contains { $0.notes != nil }
        return TextTable.text(
            [head + (hasNotes ? ["NOTE"] : [])]
                + reports.map { $0.row + ($0.notes == nil ? [] : [$0.noteText]) })
    }

    private var row: [String] {
        guard self.outcome != .skipped else {
            return [self.scenario.rawValue, "skipped: \(self.reasons.joined(separator: "; "))"]
        }
        let unexplained =
            self.duplicatedUnexplained > 0 ? " + \(self.duplicatedUnexplained) UNEXPLAINED" : ""
        return [
            self.scenario.rawValue, self.outcome.rawValue, "\(self.acknowledged)", "\(self.lost)",
            "\(self.reordered)", "\(self.duplicatedExplained)\(unexplained)",
            Self.text(self.longestGapMilliseconds), Self.text(self.longestGapsByGroup.values.max()),
            Self.text(self.takenOverMilliseconds),
        ]
    }

    var noteText: String { (self.notes ?? []).joined(separator: "; ") }

    /// A report by itself, its timeline already told.
    package var text: String {
        var rows = [
            ["verdict", self.outcome.rawValue], ["acknowledged", "\(self.acknowledged)"],
            ["lost", "\(self.lost)"], ["reordered", "\(self.reordered)"],
            [
                "duplicated",
                "\(self.duplicatedExplained) explained, \(self.duplicatedUnexplained) unexplained",
            ],
            ["longest time without a successful send", Self.text(self.longestGapMilliseconds)],
        ]
        rows += self.longestGapsByGroup.sorted { $0.key < $1.key }
            .map { ["  of \($0.key)", Self.text($0.value)] }
        rows.append(["first send on the new master", Self.text(self.takenOverMilliseconds)])
        rows += (self.notes ?? []).map { ["note", $0] }
        rows += self.faults.map { ["fault", $0] }
        rows += self.reasons.map { ["reason", $0] }
        rows += self.histories.map { ["history", $0] }
        return TextTable.text(rows)
    }

    private static func text(_ milliseconds: Int?) -> String {
        milliseconds.map { "\($0)" } ?? "-"
    }
}
