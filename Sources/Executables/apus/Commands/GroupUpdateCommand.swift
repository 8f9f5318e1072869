import ArgumentParser
import Chaos
import MessageFormat
import RemotingProtocol

struct GroupUpdate: ApusCommand {
    static let configuration = CommandConfiguration(
        commandName: "update", abstract: "Create a group, or change its settings.",
        discussion: """
            Examples:
              apus group update billing --retries 3
              apus group update billing --no-consume
            """)

    @Argument(help: "The group's name.")
    var name: String
    @Option(
        help: "How often a message may come again after a failure before it is a dead letter.")
    var retries: Int32?
    @Flag(inversion: .prefixedNo, help: "Whether the group may consume.")
    var consume: Bool?
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if let problem = ResourceName.problem(withGroup: self.name) {
            throw ValidationError("\(problem).")
        }
        guard self.retries ?? 0 >= 0 else {
            throw ValidationError("--retries cannot be negative.")
        }
    }

    func perform() async throws {
        let what = "cannot change group \(self.name)"
        let group = try await self.connection.withCluster { access in
            try await attempting(what) { () async throws(AccessError) in
                var group =
                    try await access.groups().first { $0.name == self.name }
                    ?? SubscriptionGroupConfig(name: self.name)
                group.retryTimesMax = self.retries ?? group.retryTimesMax
                group.consumeEnable = self.consume ?? group.consumeEnable
                for master in try await access.masters() {
                    try await access.putGroup(group, at: master.address)
                }
                return group
            }
        }
        if self.output.json {
            Terminal.print(["group": .string(group.name), "settings": group.json])
        } else {
            let may = group.consumeEnable ? "may consume" : "may NOT consume"
            Terminal.print("\(group.name): \(may), at most \(group.retryTimesMax) retries")
        }
    }
}
