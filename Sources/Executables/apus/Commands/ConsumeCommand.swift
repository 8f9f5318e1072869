import ApusClient
import ArgumentParser
import Chaos
import MessageFormat
import RemotingProtocol

struct ConsumeCommand: ApusCommand {
    static let configuration = CommandConfiguration(
        commandName: "consume", abstract: "Show a topic's messages.",
        discussion: """
            Without --group it only reads: nothing about it is kept. With --group it is a member \
            of that group: it shares the messages with the group's other members, and what it has \
            shown is done for the group. Unless it follows, it ends when nothing more has come \
            for 3 seconds.

            --format: text, body, json, or a template of {topic} {queue} {offset} {id} {time} \
            {tag} {keys} {body}.

            Examples:
              apus consume --topic orders --from first
              apus consume --topic orders --from 10m --follow --format "{time} {body}"
              apus consume --topic orders --group billing --count 100 --format json
            """)

    @Option(name: [.long, .customShort("t")], help: "The topic.")
    var topic: String
    @Option(help: "The consumer group to be a member of.")
    var group: String?
    @Option(help: "first, last, a time (UTC), or an age such as 10m. A known group goes on.")
    var from: String = "first"
    @Flag(help: "Wait for more at the end, until Ctrl-C.")
    var follow = false
    @Option(help: "Stop after so many messages.")
    var count: Int?
    @Option(help: "How to show a message: text, body, json, or a template.")
    var format: String = "text"
    @Option(help: "Only messages with one of these tags, such as 'new || paid'.")
    var tags: String = "*"
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard self.count ?? 1 > 0 else { throw ValidationError("--count must be positive.") }
        if let group = self.group, let problem = ResourceName.problem(withGroup: group) {
            throw ValidationError("\(problem).")
        }
    }

    func perform() async throws {
        guard let start = StartPosition(self.from, now: Recorder.wallNow) else {
            throw StartPosition.failure(self.from, option: "--from")
        }
        Interrupt.watch()
        let printer = MessagePrinter(
            format: self.output.json ? "json" : self.format, countMax: self.count)
        if let group = self.group {
            try await self.checkTopic()
            await GroupReader(
                ApusClient.Configuration(nameServers: self.connection.nameServers), group: group,
                subscription: Subscription(topic: self.topic, tags: self.tags), from: start,
                follow: self.follow, printer: printer
            ).run()
        } else {
            try await self.connection.withCluster { access in
                var reader = TopicReader(
                    topic: self.topic, tags: self.tags, access: access, printer: printer)
                try await reader.run(from: start, follow: self.follow)
            }
        }
    }

    /// A member of a group waits for its topic for ever; its user would rather know.
    private func checkTopic() async throws {
        try await self.connection.withCluster { access in
            try await attempting("cannot read \(self.topic)") { () async throws(AccessError) in
                _ = try await access.route(of: self.topic)
            }
        }
    }
}
