import Foundation

extension ScenarioReport {
    /// What `json` wrote.
    package static func reports(parsing json: String) throws -> [ScenarioReport] {
        do {
            return try JSONDecoder().decode([ScenarioReport].self, from: Data(json.utf8))
        } catch {
            throw LabError.usage("this is no report of cluster/launch chaos --json: \(error)")
        }
    }

    /// What `--json` has written to a file.
    package static func reports(in path: String) throws -> [ScenarioReport] {
        guard let text = SmallFile.read(path) else {
            throw LabError.usage("cannot read \(path)")
        }
        return try self.reports(parsing: text)
    }

    /// All reports as the table that the documentation keeps.
    package static func markdown(_ reports: [ScenarioReport]) -> String {
        let hasNotes = reports.contains { $0.notes != nil }
        return MarkdownTable.text(
            head: [
                "scenario", "acknowledged", "lost", "duplicates explained", "order",
                "longest time without a successful send", "first ack from the group's new master",
                "verdict",
            ] + (hasNotes ? ["note"] : []),
            rows: reports.map { $0.markdownRow + (hasNotes ? [$0.noteText] : []) })
    }

    private var markdownRow: [String] {
        let name = "`\(self.scenario.rawValue)`"
        guard self.outcome != .skipped else {
            let unknown = Array(repeating: "–", count: 6)
            return [name] + unknown + ["skipped: \(self.reasons.joined(separator: "; "))"]
        }
        let unexplained =
            self.duplicatedUnexplained > 0 ? ", \(self.duplicatedUnexplained) UNEXPLAINED" : ""
        return [
            name, "\(self.acknowledged)", "\(self.lost)",
            "\(self.duplicatedExplained)\(unexplained)",
            self.reordered == 0 ? "held" : "\(self.reordered) REORDERED",
            MarkdownTable.milliseconds(self.longestGapMilliseconds),
            MarkdownTable.milliseconds(self.takenOverMilliseconds), self.outcome.rawValue,
        ]
    }
}
