import ArgumentParser

/// The command line of Apus.
@main
struct Apus: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apus",
        abstract: "Talk to an Apus cluster, or to any other that speaks RocketMQ's protocol.",
        discussion: """
            Start with:
              apus topic create orders
              apus produce --topic orders "first message"
              apus consume --topic orders --from first

            Every command takes --json, and --name-server HOST:PORT (or APUS_NAME_SERVER in the \
            environment; 127.0.0.1:9876 otherwise).

            Exit codes: 0 done; 1 not found, or a negative verdict; 64 wrong usage; \
            69 the cluster cannot be reached or refuses; 70 a fault of this program. \
            `apus check` has those of monitoring plugins instead: 0 to 3.
            """,
        version: "apus 0.1",
        subcommands: [
            ProduceCommand.self, ConsumeCommand.self, TopicCommand.self, GroupCommand.self,
            MessageCommand.self, DeadLetterCommand.self, ClusterCommand.self, BrokerCommand.self,
            ControllerCommand.self, CheckCommand.self, VerifyCommand.self, BenchCommand.self,
            TraceCommand.self,
        ])

    static func main() async {
        do {
            var command = try Self.parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            let isUsage = Self.exitCode(for: error) == .validationFailure
            if isUsage, CommandLine.arguments.dropFirst().first == "check" {
                CheckCommand.exit(ofWrongUsage: Self.message(for: error))
            }
            Self.exit(withError: error)
        }
    }
}
