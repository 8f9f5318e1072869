import Chaos
import RemotingProtocol

extension Verdict {
    var json: JSONValue {
        let causes = DuplicateCause.allCases.filter { $0 != .unexplained }
        return .object([
            JSONMember("verdict", .string(self.outcome.rawValue)),
            JSONMember("reasons", .strings(self.reasons)),
            Self.member("attempted", self.attempted), Self.member("attempts", self.attempts),
            Self.member("acknowledged", self.acknowledged), Self.member("failed", self.failed),
            Self.member("unknown", self.unknown), Self.member("delivered", self.delivered),
            Self.member("undelivered", self.undelivered), Self.member("lost", self.lost),
            Self.member("duplicated", self.duplicatedInAll),
            JSONMember(
                "duplicatedByCause",
                .object(causes.map { Self.member($0.rawValue, self.duplicated[$0] ?? 0) })),
            Self.member("duplicatedUnexplained", self.duplicatedUnexplained),
            Self.member("reordered", self.reordered), Self.member("unexpected", self.unexpected),
            Self.member("aborted", self.aborted), Self.member("corrupt", self.corrupt),
            Self.member("repeatedByClient", self.repeated),
            Self.member("storedTwice", self.storedTwice),
            JSONMember("notes", .strings(self.notes)),
            JSONMember(
                "broken",
                .object(
                    self.broken.sorted { $0.key < $1.key }
                        .map { Self.member($0.key.rawValue, $0.value) })),
            Self.member("longestGapMilliseconds", self.longestGapMilliseconds),
            JSONMember(
                "longestGapMillisecondsByGroup",
                .object(
                    self.longestGapsByGroup.sorted { $0.key < $1.key }
                        .map { Self.member($0.key, $0.value) })),
            JSONMember("faults", .array(self.faults.map(\.json))),
            JSONMember("problems", .array(self.problems.map(\.json))),
        ])
    }

    private static func member(_ name: String, _ count: Int) -> JSONMember {
        JSONMember(name, .integer(Int64(count)))
    }

    var text: String {
        var lines = [
            "attempted      \(self.attempted) messages in \(self.attempts) sends",
            "acknowledged   \(self.acknowledged)"
                + " (\(self.unknown) unknown, \(self.failed) refused)",
            "delivered      \(self.delivered)",
            "lost           \(self.lost)",
            "duplicated     \(self.duplicatedInAll)" + self.causes,
            "reordered      \(self.reordered)",
            "stored twice   \(self.storedTwice)"
                + (self.repeated > 0 ? " (\(self.repeated) were sent more than once)" : ""),
            "longest gap    \(self.longestGapMilliseconds) ms without a successful send",
        ]
        for fault in self.faults {
            lines.append(
                "fault          \(fault.name) \(fault.target) at "
                    + "\(fault.beganAtMilliseconds) ms: longest gap "
                    + "\(fault.longestGapMilliseconds) ms")
        }
        lines += self.notes.map { "note           \($0)" }
        for problem in self.problems {
            lines += ["", "\(problem.kind.rawValue): \(problem.summary)"]
            lines += problem.story.map { "  \($0)" }
        }
        let reasons = self.reasons.isEmpty ? "" : ": " + self.reasons.joined(separator: "; ")
        lines += ["", "verdict        \(self.outcome.rawValue)\(reasons)"]
        return lines.joined(separator: "\n")
    }

    private var causes: String {
        let causes = self.duplicated.sorted { $0.key < $1.key }
            .map { "\($0.value) \($0.key.rawValue)" }
        return causes.isEmpty ? "" : " (\(causes.joined(separator: ", ")))"
    }
}

extension FaultReport {
    fileprivate var json: JSONValue {
        [
            "fault": .string(self.name), "target": .string(self.target),
            "beganAtMilliseconds": .integer(Int64(self.beganAtMilliseconds)),
            "endedAtMilliseconds": self.endedAtMilliseconds.map { .integer(Int64($0)) } ?? .null,
            "longestGapMilliseconds": .integer(Int64(self.longestGapMilliseconds)),
            "takenOverMilliseconds": self.takenOverMilliseconds.map { .integer(Int64($0)) }
                ?? .null,
            "proof": .string(self.proof),
        ]
    }
}

extension Problem {
    fileprivate var json: JSONValue {
        [
            "kind": .string(self.kind.rawValue), "summary": .string(self.summary),
            "story": .strings(self.story),
        ]
    }
}
