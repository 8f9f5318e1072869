import RemotingProtocol

/// How bad something is, with the words and exit codes of monitoring plugins.
enum CheckState: Int32, Sendable, CaseIterable {
    case ok = 0
    case warning = 1
    case critical = 2
    case unknown = 3

    var word: String {
        switch self {
        case .ok: "OK"
        case .warning: "WARNING"
        case .critical: "CRITICAL"
        case .unknown: "UNKNOWN"
        }
    }

    /// What is not known may be bad; what is known to be critical is worse.
    private var weight: Int {
        switch self {
        case .ok: 0
        case .warning: 1
        case .unknown: 2
        case .critical: 3
        }
    }

    static func worst(_ states: some Sequence<CheckState>) -> CheckState {
        states.max { $0.weight < $1.weight } ?? .ok
    }
}

/// From which value on something is bad. Nil: never.
struct CheckThreshold: Hashable, Sendable {
    var warning: Double?
    var critical: Double?

    var isSet: Bool { self.warning != nil || self.critical != nil }

    func state(of value: Double) -> CheckState {
        if let critical = self.critical, value >= critical { return .critical }
        if let warning = self.warning, value >= warning { return .warning }
        return .ok
    }
}

/// A number for the monitoring system's graphs.
struct CheckFigure: Hashable, Sendable {
    var label: String
    var value: Double
    /// `%`, `B`, `s`, or nothing for a count.
    var unit = ""
    var threshold = CheckThreshold()
    var max: Double?

    var text: String {
        let fields = [
            Self.text(self.value) + self.unit, self.threshold.warning.map(Self.text) ?? "",
            self.threshold.critical.map(Self.text) ?? "", "0", self.max.map(Self.text) ?? "",
        ]
        var text = "\(self.label)=" + fields.joined(separator: ";")
        while text.hasSuffix(";") { text.removeLast() }
        return text
    }

    private static func text(_ value: Double) -> String {
        value == value.rounded() && abs(value) < 1e15
            ? String(Int64(value)) : String((value * 100).rounded() / 100)
    }
}

/// What `apus check` found, and the one line that says so.
struct CheckVerdict: Sendable {
    /// Everything that is wrong, and how bad it is.
    var problems: [(state: CheckState, text: String)] = []
    /// What there is, when nothing is wrong.
    var summary = ""
    var figures: [CheckFigure] = []

    var state: CheckState { .worst(self.problems.map(\.state)) }

    /// `APUS STATE - text | figures`: the worst first.
    var line: String {
        let sorted =
            self.problems.filter { $0.state == self.state }
            + self.problems.filter { $0.state != self.state }
        let shown = sorted.prefix(Self.problemsMax).map(\.text)
        let more = sorted.count - shown.count
        let rest = more > 0 ? ["and \(more) more"] : []
        let text = sorted.isEmpty ? self.summary : (shown + rest).joined(separator: "; ")
        let figures = self.figures.map(\.text).joined(separator: " ")
        return "APUS \(self.state.word) - \(Self.plain(text))"
            + (figures.isEmpty ? "" : " | \(figures)")
    }

    private static let problemsMax = 5

    /// A bar begins the figures, and a line end ends the line: neither may come from a name.
    private static func plain(_ text: String) -> String {
        String(text.map { $0.isNewline ? " " : $0 == "|" ? "/" : $0 })
    }

    var json: JSONValue {
        [
            "state": .string(self.state.word), "exitCode": .integer(Int64(self.state.rawValue)),
            "line": .string(self.line),
            "problems": .array(
                self.problems.map {
                    ["state": .string($0.state.word), "problem": .string($0.text)]
                }),
            "figures": .array(
                self.figures.map { ["label": .string($0.label), "value": .string($0.text)] }),
        ]
    }
}
