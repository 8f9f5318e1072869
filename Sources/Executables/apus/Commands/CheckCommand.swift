import ArgumentParser
import Chaos
import MessageFormat
import RemotingProtocol

/// `apus cluster health` for monitoring systems: one line, figures, and their exit codes.
struct CheckCommand: ApusCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Look at the cluster as a monitoring plugin does.",
        discussion: """
            Prints one line: state, what is wrong, and figures behind a bar. Exits as plugins of \
            Nagios and Icinga do: 0 OK; 1 WARNING: something is wrong that costs no messages yet; \
            2 CRITICAL: messages are not taken, nobody could take over, or nobody can be reached; \
            3 UNKNOWN: wrong usage, or a fault of this program. A value that reaches a threshold \
            is bad. Lags are looked at when a threshold or a group is given.

            Examples:
              apus check
              apus check --disk-warning 70 --lag-warning 10000 --lag-critical 1000000 --group billing
            """)

    @Option(help: "Percent of a broker's disk in use.") var diskWarning = 80.0
    @Option(help: "Percent of a broker's disk in use.") var diskCritical = 90.0
    @Option(help: "Messages that a group is behind.") var lagWarning: Double?
    @Option(help: "Messages that a group is behind.") var lagCritical: Double?
    @Option(help: "Only the lag of this group; may be repeated.") var group: [String] = []
    @Option(help: "Bytes that a replica in step is behind.") var replicaLagWarning: Double?
    @Option(help: "Bytes that a replica in step is behind.") var replicaLagCritical: Double?
    @OptionGroup var controllers: ControllerOptions
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        let limits = self.limits
        for (name, threshold) in [
            ("disk", limits.disk), ("lag", limits.lag), ("replica-lag", limits.replicaLag),
        ] {
            for value in [threshold.warning, threshold.critical].compactMap(\.self)
            where !(value >= 0) {
                throw ValidationError("--\(name)-… wants a number of at least 0.")
            }
            guard let warning = threshold.warning, let critical = threshold.critical,
                warning > critical
            else { continue }
            throw ValidationError("--\(name)-warning must not be above --\(name)-critical.")
        }
    }

    private var limits: CheckLimits {
        CheckLimits(
            disk: CheckThreshold(warning: self.diskWarning, critical: self.diskCritical),
            lag: CheckThreshold(warning: self.lagWarning, critical: self.lagCritical),
            replicaLag: CheckThreshold(
                warning: self.replicaLagWarning, critical: self.replicaLagCritical))
    }

    func perform() async throws {
        let verdict: CheckVerdict
        do {
            verdict = try await self.connection.withCluster { try await self.verdict($0) }
        } catch let failure as CommandFailure {
            verdict = Self.verdict(on: failure)
        }
        if self.output.json {
            Terminal.print(verdict.json)
        } else {
            Terminal.print(verdict.line)
        }
        if verdict.state != .ok { throw ExitCode(verdict.state.rawValue) }
    }

    private func verdict(_ access: ClusterAccess) async throws -> CheckVerdict {
        let picture = try await ClusterPicture.take(access, self.controllers)
        var lags: [(group: String, messages: Int64)] = []
        var unasked: String?
        if self.limits.lag.isSet || !self.group.isEmpty, picture.info != nil {
            do throws(AccessError) {
                lags = try await self.lags(access)
            } catch {
                unasked = "the lag of groups is unknown: \(error.plainText)"
            }
        }
        var verdict = picture.verdict(self.limits, lags: lags)
        if let unasked { verdict.problems.append((.unknown, unasked)) }
        return verdict
    }

    private func lags(
        _ access: ClusterAccess
    ) async throws(AccessError) -> [(group: String, messages: Int64)] {
        var names = self.group
        if names.isEmpty { names = try await access.groups().map(\.name) }
        var lags: [(group: String, messages: Int64)] = []
        for name in names {
            let rows = try await access.lag(of: name, topic: nil)
            lags.append((name, rows.reduce(0) { $0 + $1.lag }))
        }
        return lags
    }

    /// A cluster that cannot be reached is as good as down.
    private static func verdict(on failure: CommandFailure) -> CheckVerdict {
        let state: CheckState =
            switch failure.status {
            case .unavailable, .negative: .critical
            case .usage, .internalFault: .unknown
            }
        return CheckVerdict(problems: [(state, "\(failure.what): \(failure.reason)")])
    }

    static func exit(ofWrongUsage message: String) -> Never {
        let line = CheckVerdict(problems: [(.unknown, message)]).line
        Terminal.print(line)
        Self.exit(withError: ExitCode(CheckState.unknown.rawValue))
    }
}
