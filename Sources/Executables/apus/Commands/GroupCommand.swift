import ArgumentParser
import Chaos
import MessageFormat
import RemotingProtocol

struct GroupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "group",
        abstract: "Look at consumer groups, their members and their lag, and move them.",
        subcommands: [
            GroupList.self, GroupInfo.self, GroupLag.self, GroupSeek.self, GroupSkipBacklog.self,
            GroupCloneOffsets.self, GroupUpdate.self,
        ])
}

struct GroupList: ApusCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the consumer groups.",
        discussion: """
            Example:
              apus group list
            """)

    @Flag(help: "Also those that the servers made for themselves.")
    var all = false
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func perform() async throws {
        let rows = try await self.connection.withCluster { access in
            try await attempting("cannot list the groups") { () async throws(AccessError) in
                var rows: [(name: String, members: Int)] = []
                for group in try await access.groups()
                where self.all || !Self.isInternal(group.name) {
                    let members = try await access.members(of: group.name).count
                    rows.append((group.name, members))
                }
                return rows
            }
        }
        if self.output.json {
            Terminal.print([
                "groups": .array(
                    rows.map {
                        ["group": .string($0.name), "members": .integer(Int64($0.members))]
                    })
            ])
        } else {
            var table = Table("GROUP", "MEMBERS")
            for row in rows { table.add(row.name, "\(row.members)") }
            Terminal.print(table.text)
        }
    }

    private static func isInternal(_ group: String) -> Bool {
        ["TOOLS_CONSUMER", "FILTERSRV_CONSUMER", "SELF_TEST_C_GROUP"].contains(group)
            || ["CID_RMQ_SYS_", "CID_ONSAPI_", "CID_ONS-"].contains { group.hasPrefix($0) }
    }
}

struct GroupInfo: ApusCommand {
    static let configuration = CommandConfiguration(
        commandName: "info",
        abstract: "Show a group's settings, members and subscriptions, and who came and left.",
        discussion: """
            Example:
              apus group info billing
            """)

    @Argument(help: "The group's name.")
    var name: String
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func perform() async throws {
        let what = "cannot show group \(self.name)"
        let (group, members, history) = try await self.connection.withCluster { access in
            try await attempting(what) { () async throws(AccessError) in
                (
                    try await access.groups().first { $0.name == self.name },
                    try await access.members(of: self.name),
                    try await access.history(of: self.name)
                )
            }
        }
        guard let group else {
            throw CommandFailure.notFound(
                "cannot show group \(self.name)", try: "look for the name in `apus group list`")
        }
        if self.output.json {
            Terminal.print([
                "group": .string(group.name), "settings": group.json,
                "members": .array(members.map(\.json)),
                "history": .array(history.map(\.json)),
            ])
        } else {
            Terminal.print(Self.text(group, members) + Self.text(history))
        }
    }

    private static let shownMax = 10

    /// The latest changes: after each the queues were shared out again.
    private static func text(_ history: [GroupHistoryList.Event]) -> String {
        guard !history.isEmpty else { return "" }
        var table = Table("AT", "CLIENT", "CHANGE", "MEMBERS")
        for event in history.suffix(Self.shownMax) {
            table.add(
                TimeText.text(event.at), event.clientID, event.change.text, "\(event.members)")
        }
        return "\n" + table.text
    }

    private static func text(_ group: SubscriptionGroupConfig, _ members: [GroupMemberInfo])
        -> String
    {
        let may = group.consumeEnable ? "may consume" : "may NOT consume"
        var text =
            "\(group.name): \(may), at most \(group.retryTimesMax) retries, "
            + "\(members.count) members"
        guard !members.isEmpty else { return text }
        var table = Table("CLIENT", "ADDRESS", "LANGUAGE", "SUBSCRIPTIONS")
        for member in members {
            table.add(
                member.clientID, member.address, member.language,
                member.subscriptions.joined(separator: ", "))
        }
        text += "\n" + table.text
        return text
    }
}

extension GroupHistoryList.Change {
    fileprivate var text: String {
        switch self {
        case .joined: "joined"
        case .connectionClosed: "left: its connection closed"
        case .unregistered: "left: it said goodbye"
        case .silent: "left: nothing was heard of it"
        case .subscriptionChanged: "subscribes to something else"
        }
    }
}

struct GroupLag: ApusCommand {
    static let configuration = CommandConfiguration(
        commandName: "lag", abstract: "Show how far a group is behind, per queue.",
        discussion: """
            Example:
              apus group lag billing --topic orders
            """)

    @Argument(help: "The group's name.")
    var name: String
    @Option(help: "Only this topic.")
    var topic: String?
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func perform() async throws {
        let what = "cannot show the lag of group \(self.name)"
        let rows = try await self.connection.withCluster { access in
            try await attempting(what) { () async throws(AccessError) in
                try await access.lag(of: self.name, topic: self.topic)
            }
        }
        guard !rows.isEmpty else {
            throw CommandFailure(
                .negative, what, because: "it has committed nothing",
                try: "look for the name in `apus group list`")
        }
        let total = rows.reduce(0) { $0 + $1.lag }
        if self.output.json {
            Terminal.print([
                "group": .string(self.name), "lag": .integer(total),
                "queues": .array(rows.map(\.json)),
            ])
        } else {
            var table = Table("TOPIC", "BROKER", "QUEUE", "COMMITTED", "NEXT", "LAG")
            for row in rows {
                table.add(
                    row.queue.topic, row.queue.brokerName, "\(row.queue.queueID)",
                    "\(row.committed)", "\(row.end)", "\(row.lag)")
            }
            Terminal.print("\(self.name) is \(total) messages behind\n" + table.text)
        }
    }
}
