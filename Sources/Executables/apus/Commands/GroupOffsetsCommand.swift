import ArgumentParser
import Chaos
import MessageFormat
import RemotingProtocol

struct GroupSeek: ApusCommand {
    static let configuration = CommandConfiguration(
        commandName: "seek", abstract: "Move a group's position in a topic.",
        discussion: """
            Members that are at work follow with their next pull.

            Examples:
              apus group seek billing --topic orders --to first
              apus group seek billing --topic orders --to 2026-11-21T10:00
              apus group seek billing --topic orders --to 30m
            """)

    @Argument(help: "The group's name.")
    var name: String
    @Option(help: "The topic.")
    var topic: String
    @Option(
        help: ArgumentHelp(
            "first, last, a time (UTC), or an age such as 30m.", valueName: "position"))
    var to: String
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func perform() async throws {
        guard let start = StartPosition(self.to, now: Recorder.wallNow) else {
            throw StartPosition.failure(self.to, option: "--to")
        }
        let moved = try await self.connection.withCluster { access in
            try await attempting("cannot move group \(self.name)") {
                () async throws(AccessError) in
                try await access.move(self.name, in: self.topic, to: start)
            }
        }
        MovedGroup(name: self.name, positions: moved).show(self.output)
    }
}

struct GroupSkipBacklog: ApusCommand {
    static let configuration = CommandConfiguration(
        commandName: "skip-backlog",
        abstract: "Let a group go on with what comes from now on.",
        discussion: """
            What the group has not consumed yet stays in the topic, and is not consumed by it. \
            Members that are at work follow with their next pull.

            Example:
              apus group skip-backlog billing --topic orders
            """)

    @Argument(help: "The group's name.")
    var name: String
    @Option(help: "The topic.")
    var topic: String
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func perform() async throws {
        let moved = try await self.connection.withCluster { access in
            try await attempting("cannot move group \(self.name)") {
                () async throws(AccessError) in
                try await access.move(self.name, in: self.topic, to: .last)
            }
        }
        MovedGroup(name: self.name, positions: moved).show(self.output)
    }
}

struct GroupCloneOffsets: ApusCommand {
    static let configuration = CommandConfiguration(
        commandName: "clone-offsets",
        abstract: "Let a group go on where another one is.",
        discussion: """
            Example:
              apus group clone-offsets billing --to billing-2 --topic orders
            """)

    @Argument(help: "The group whose position is taken.")
    var name: String
    @Option(help: "The group that is to go on there. Its members must not be at work.")
    var to: String
    @Option(help: "Only in this topic; in all that the group has consumed otherwise.")
    var topic: String?
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if let problem = ResourceName.problem(withGroup: self.to) {
            throw ValidationError("\(problem).")
        }
    }

    func perform() async throws {
        let what = "cannot clone the offsets of group \(self.name)"
        let cloned = try await self.connection.withCluster { access in
            try await self.checkIsIdle(access, what)
            return try await attempting(what) { () async throws(AccessError) -> [QueueLag] in
                guard !(try await access.lag(of: self.name, topic: self.topic)).isEmpty else {
                    return []
                }
                try await access.cloneOffsets(of: self.name, to: self.to, topic: self.topic)
                return try await access.lag(of: self.to, topic: self.topic)
            }
        }
        guard !cloned.isEmpty else {
            throw CommandFailure(
                .negative, what, because: "it has committed nothing",
                try: "look for the name in `apus group list`")
        }
        let positions = cloned.map { QueuePosition($0.queue, QueueOffset($0.committed)) }
        MovedGroup(name: self.to, positions: positions).show(self.output)
    }

    /// A live member would write its own position over the new one.
    private func checkIsIdle(_ access: ClusterAccess, _ what: String) async throws {
        let members = try await attempting(what) { () async throws(AccessError) in
            try await access.members(of: self.to)
        }
        guard !members.isEmpty else { return }
        throw CommandFailure(
            .unavailable, what, because: "\(self.to) has \(members.count) members at work",
            try: "stop them first: \(members.map(\.clientID).joined(separator: ", "))")
    }
}

/// Where a group goes on.
private struct MovedGroup {
    var name: String
    var positions: [QueuePosition]

    func show(_ output: OutputOptions) {
        let positions = self.positions.sorted()
        if output.json {
            Terminal.print([
                "group": .string(self.name),
                "queues": .array(
                    positions.map {
                        [
                            "topic": .string($0.queue.topic),
                            "broker": .string($0.queue.brokerName),
                            "queue": .integer(Int64($0.queue.queueID)),
                            "offset": .integer($0.offset.value),
                        ]
                    }),
            ])
        } else {
            var table = Table("TOPIC", "BROKER", "QUEUE", "OFFSET")
            for position in positions {
                table.add(
                    position.queue.topic, position.queue.brokerName,
                    "\(position.queue.queueID)", "\(position.offset.value)")
            }
            Terminal.print("\(self.name) will continue here:\n" + table.text)
        }
    }
}
