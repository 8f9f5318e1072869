import ArgumentParser
import Chaos
import RemotingProtocol

struct ClusterHealth: ApusCommand {
    static let configuration = CommandConfiguration(
        commandName: "health", abstract: "Say what is wrong, and what to do about it.",
        discussion: """
            Asks every name server, controller and broker. Exits 0 if all are well, each broker \
            group has a master that takes messages, and all its brokers are in step; 1 if not; \
            69 if nobody who knows could be asked. For a monitoring system, with thresholds and its \
            exit codes: `apus check`. The controllers know brokers that are dead; \
            without controllers only those that are registered now are seen.

            Examples:
              apus cluster health --name-server "10.0.0.1:9876;10.0.0.2:9876"
              apus cluster health --controller 10.0.0.1:9878
            """)

    @Flag(help: "Tell only what is wrong.") var quiet = false
    @OptionGroup var controllers: ControllerOptions
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func perform() async throws {
        let picture = try await self.connection.withCluster { access in
            try await ClusterPicture.take(access, self.controllers)
        }
        let checks = picture.checks
        self.report(checks)
        if picture.isUnknown { throw ExitCode(ExitStatus.unavailable.rawValue) }
        if checks.contains(where: { $0.problem != nil }) {
            throw ExitCode(ExitStatus.negative.rawValue)
        }
    }

    private func report(_ checks: [HealthCheck]) {
        if self.output.json {
            Terminal.print([
                "healthy": .bool(checks.allSatisfy { $0.problem == nil }),
                "checks": .array(checks.map(\.json)),
            ])
        } else {
            for check in checks where !self.quiet || check.problem != nil {
                Terminal.print(check.text)
            }
        }
    }
}
