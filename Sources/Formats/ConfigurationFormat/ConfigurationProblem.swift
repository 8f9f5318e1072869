/// Why a program cannot be configured as asked: what is wrong, and where it is said.
package struct ConfigurationProblem: Error, Hashable, CustomStringConvertible {
    /// `broker.conf:12`, `APUS_LISTEN_PORT`, `--port`; nil: what several places say together.
    package let place: String?
    package let problem: String

    package init(at place: String?, _ problem: String) {
        self.place = place
        self.problem = problem
    }

    package var description: String { (self.place.map { "\($0): " } ?? "") + self.problem }
}

/// Everything that is wrong with a configuration, to be mended at once.
package struct ConfigurationProblems: Error, Hashable, CustomStringConvertible {
    package let problems: [ConfigurationProblem]

    package init(_ problems: [ConfigurationProblem]) { self.problems = problems }

    package var description: String {
        self.problems.map(\.description).joined(separator: "\n")
    }
}

/// What the operator should know of a configuration that is taken.
package struct ConfigurationRemark: Hashable, Sendable {
    package enum Level: Hashable, Sendable { case info, warning }

    package let level: Level
    package let text: String

    package init(level: Level, text: String) {
        self.level = level
        self.text = text
    }
}
