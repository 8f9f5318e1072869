package import ConfigurationFormat
import Glibc

/// What a server is started with: the command line's part of its settings, and where to find the
/// rest.
package struct ServerArguments: Sendable {
    private let file: String?
    private var flags: [GivenSetting] = []

    package init(file: String?) { self.file = file }

    /// A flag that stands for one key.
    package mutating func add(_ flag: String, for key: String, _ value: String?) {
        if let value { self.flags.append(GivenSetting(key, value, .flag(flag))) }
    }

    /// `--set KEY=VALUE`, once for each key.
    package mutating func add(_ flag: String, pairs: [String]) throws(ConfigurationProblems) {
        for pair in pairs {
            guard let equals = pair.firstIndex(of: "="), equals > pair.startIndex else {
                throw ConfigurationProblems([
                    ConfigurationProblem(at: flag, "takes KEY=VALUE, not \(pair)")
                ])
            }
            let value = String(pair[pair.index(after: equals)...])
            self.flags.append(GivenSetting(String(pair[..<equals]), value, .flag(flag)))
        }
    }

    /// The settings in force: flags, this process's environment, the file, and defaults.
    package func resolve<Configuration>(
        _ table: SettingsTable<Configuration>
    ) throws(ConfigurationProblems) -> ResolvedSettings<Configuration> {
        var file: PropertiesFile?
        do throws(ConfigurationProblem) {
            file = try self.file.map(ConfigurationFile.read)
        } catch {
            throw ConfigurationProblems([error])
        }
        return try table.resolve(file: file, environment: Self.environment(), flags: self.flags)
    }

    private static func environment() -> [(name: String, value: String)] {
        var variables: [(name: String, value: String)] = []
        var next = environ
        while let text = next.pointee {
            let pair = String(cString: text).split(
                separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if pair.count == 2 { variables.append((String(pair[0]), String(pair[1]))) }
            next = next.advanced(by: 1)
        }
        return variables
    }
}
