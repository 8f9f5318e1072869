import ApusClient
import ArgumentParser
import Chaos
import MessageFormat
import RemotingProtocol

struct DeadLetterCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dlq",
        abstract: "Look through dead letters, send them again, and purge them.",
        discussion: """
            A message that a consumer group could not handle, however often it was tried, becomes \
            one of the group's dead letters, together with why.
            """,
        subcommands: [
            DeadLetterGroups.self, DeadLetterShow.self, DeadLetterReplay.self,
            DeadLetterPurge.self,
        ])
}

struct DeadLetterGroups: ApusCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the groups that have dead letters.",
        discussion: """
            Example:
              apus dlq list
            """)

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func perform() async throws {
        let groups = try await self.connection.withAdmin { admin in
            try await attempting("cannot list the dead letters") {
                () async throws(ApusClientError) in try await admin.deadLetterGroups()
            }
        }
        if self.output.json {
            Terminal.print(["groups": .array(groups.map(\.json))])
        } else if groups.isEmpty {
            Terminal.print("no group has dead letters")
        } else {
            var table = Table("GROUP", "WAITING", "SENT AGAIN", "LAST SENT AGAIN", "LAST PURGED")
            for group in groups {
                table.add(
                    group.group, "\(group.waiting)", "\(group.replayed)",
                    DeadLetterText.time(group.lastReplayedAt),
                    DeadLetterText.time(group.lastPurgedAt))
            }
            Terminal.print(table.text)
        }
    }
}

struct DeadLetterShow: ApusCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show a group's dead letters, and why they died.",
        discussion: """
            Examples:
              apus dlq show billing
              apus dlq show billing --topic orders --since 2h --error timeout
              apus dlq show billing --key customer-17 --json
            """)

    @Argument(help: "The group's name.")
    var group: String
    @OptionGroup var filters: DeadLetterOptions
    @Flag(help: "Also those that were sent again.")
    var replayed = false
    @Option(help: "At most so many.")
    var count: Int = 50
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard self.count > 0 else { throw ValidationError("--count must be positive.") }
    }

    func perform() async throws {
        var filter = try self.filters.filter()
        filter.includesReplayed = self.replayed
        let wanted = filter
        let (letters, isMore) = try await self.connection.withAdmin { admin in
            try await attempting("cannot show the dead letters of \(self.group)") {
                () async throws(ApusClientError) in
                var letters: [DeadLetter] = []
                for try await letter in admin.deadLetters(ofGroup: self.group, matching: wanted) {
                    if letters.count == self.count { return (letters, true) }
                    letters.append(letter)
                }
                return (letters, false)
            }
        }
        if self.output.json {
            Terminal.print([
                "group": .string(self.group), "complete": .bool(!isMore),
                "letters": .array(letters.map(\.json)),
            ])
        } else if !letters.isEmpty {
            Terminal.print(DeadLetterText.table(of: letters))
        }
        if isMore { Terminal.note("there are more: raise --count, or filter") }
        if letters.isEmpty {
            if !self.output.json { Terminal.note("\(self.group) has no such dead letter") }
            throw ExitCode(ExitStatus.negative.rawValue)
        }
    }
}

struct DeadLetterPurge: ApusCommand {
    static let configuration = CommandConfiguration(
        commandName: "purge", abstract: "Pass a group's dead letters over from now on.",
        discussion: """
            Their brokers do not show them any more, nor send them again. Their bytes stay on the \
            disks until the brokers delete their oldest messages.

            Examples:
              apus dlq purge billing --yes
              apus dlq purge billing --until 7d --yes
            """)

    @Argument(help: "The group's name.")
    var group: String
    @Option(help: "Only those that died before this time (UTC) or age.")
    var until: String?
    @Flag(help: "Do it: there is no way back.")
    var yes = false
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard self.yes else {
            throw ValidationError(
                "Purging the dead letters of \(self.group) cannot be undone. Add --yes if you "
                    + "mean it.")
        }
    }

    func perform() async throws {
        let until = try DeadLetterOptions.time(self.until, option: "--until")
        let count = try await self.connection.withAdmin { admin in
            try await attempting("cannot purge the dead letters of \(self.group)") {
                () async throws(ApusClientError) in
                try await admin.purgeDeadLetters(ofGroup: self.group, diedBefore: until)
            }
        }
        if self.output.json {
            Terminal.print(["group": .string(self.group), "purged": .integer(count)])
        } else {
            Terminal.print("\(count) waiting dead letters of \(self.group) are purged")
        }
    }
}

/// Which dead letters are meant.
struct DeadLetterOptions: ParsableArguments {
    @Option(name: [.long, .customShort("t")], help: "Only those that came from this topic.")
    var topic: String?
    @Option(help: "Only those with this key.")
    var key: String?
    @Option(help: "Only those that died at this time (UTC) or age, or later.")
    var since: String?
    @Option(help: "Only those that died before this time or age.")
    var until: String?
    @Option(help: ArgumentHelp("Only those whose error has this in it.", valueName: "text"))
    var error: String?

    func filter() throws(CommandFailure) -> DeadLetterFilter {
        var filter = DeadLetterFilter()
        filter.topic = self.topic
        filter.key = self.key
        filter.error = self.error
        filter.since = try Self.time(self.since, option: "--since")
        filter.until = try Self.time(self.until, option: "--until")
        return filter
    }

    /// In milliseconds since 1970.
    static func time(_ text: String?, option: String) throws(CommandFailure) -> Int64? {
        guard let text else { return nil }
        guard let time = TimeText.parse(text, now: Recorder.wallNow) else {
            throw StartPosition.failure(text, option: option)
        }
        return time.milliseconds
    }
}
