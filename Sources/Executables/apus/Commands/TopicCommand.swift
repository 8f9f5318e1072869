import ArgumentParser
import Chaos
import MessageFormat
import RemotingProtocol

struct TopicCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "topic", abstract: "Create, list, look at and delete topics.",
        subcommands: [
            TopicCreate.self, TopicList.self, TopicInfo.self, TopicDelete.self,
        ])
}

struct TopicCreate: ApusCommand {
    static let configuration = CommandConfiguration(
        commandName: "create", abstract: "Create a topic, or change one.",
        discussion: """
            The topic is made on every master broker, so that a broker may die without taking it \
            away.

            Example:
              apus topic create orders --queues 8
            """)

    @Argument(help: "The topic's name: letters, digits, _, - and %, at most 127.")
    var name: String
    @Option(help: "Queues on each broker.")
    var queues: Int32 = 8
    @Option(help: "Only on this broker group.")
    var broker: String?
    @Flag(help: "Nobody may send to it.")
    var readOnly = false
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if let problem = ResourceName.problem(withTopic: self.name) {
            throw ValidationError("\(problem).")
        }
        guard (1...1024).contains(self.queues) else {
            throw ValidationError("--queues must lie between 1 and 1024.")
        }
    }

    func perform() async throws {
        let what = "cannot create topic \(self.name)"
        let config = TopicConfig(
            name: self.name, readQueues: self.queues, writeQueues: self.queues,
            permission: self.readOnly ? .read : .readWrite)
        let brokers = try await self.connection.withCluster { access in
            let masters = try await attempting(what) { () async throws(AccessError) in
                try await access.masters()
            }.filter { self.broker == nil || $0.brokerName == self.broker }
            guard !masters.isEmpty else {
                throw CommandFailure(
                    .unavailable, what, because: "there is no master broker to make it on",
                    try: "look at `apus cluster health`")
            }
            try await attempting(what) { () async throws(AccessError) in
                for master in masters { try await access.putTopic(config, at: master.address) }
            }
            let route = await access.awaitRoute(
                of: self.name, brokers: masters.count, within: access.timeout)
            guard route != nil else {
                throw CommandFailure(
                    .unavailable, what, because: "no name server shows it yet",
                    try: "`apus topic info \(self.name)` in a few seconds")
            }
            return masters.map(\.brokerName)
        }
        if self.output.json {
            Terminal.print([
                "topic": .string(self.name), "queuesPerBroker": .integer(Int64(self.queues)),
                "brokers": .strings(brokers),
            ])
        } else {
            let places = brokers.joined(separator: ", ")
            Terminal.print("\(self.name): \(self.queues) queues on each of \(places)")
        }
    }
}

struct TopicList: ApusCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the topics.",
        discussion: """
            Example:
              apus topic list
            """)

    @Flag(help: "Also those that the servers made for themselves.")
    var all = false
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func perform() async throws {
        let (topics, info) = try await self.connection.withCluster { access in
            try await attempting("cannot list the topics") { () async throws(AccessError) in
                (try await access.topics(), try await access.clusterInfo())
            }
        }
        // Each cluster and each broker has a topic of its name, for tools to find it by.
        let own = Set(info.clusters.keys).union(info.brokers.keys)
        let shown = topics.filter { self.all || !Self.isInternal($0, own) }
        if self.output.json {
            Terminal.print(["topics": .strings(shown)])
        } else {
            for topic in shown { Terminal.print(topic) }
        }
    }

    private static func isInternal(_ topic: String, _ own: Set<String>) -> Bool {
        SystemTopic.isSystem(topic) || own.contains(topic) || topic.hasSuffix("_REPLY_TOPIC")
            || topic.hasPrefix(ResourceName.retryPrefix)
            || topic.hasPrefix(ResourceName.deadLetterPrefix)
    }
}

struct TopicInfo: ApusCommand {
    static let configuration = CommandConfiguration(
        commandName: "info", abstract: "Show a topic's brokers, queues and messages.",
        discussion: """
            Example:
              apus topic info orders
            """)

    @Argument(help: "The topic's name.")
    var name: String
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func perform() async throws {
        let what = "cannot show topic \(self.name)"
        let (route, stats) = try await self.connection.withCluster { access in
            try await attempting(what) { () async throws(AccessError) in
                let route = try await access.route(of: self.name)
                return (route, try await access.stats(of: self.name, route))
            }
        }
        if self.output.json {
            Terminal.print(self.json(route, stats))
        } else {
            Terminal.print(self.text(route, stats))
        }
    }

    private func text(_ route: TopicRouteData, _ stats: [QueueStats]) -> String {
        var table = Table("BROKER", "QUEUE", "FIRST", "NEXT", "MESSAGES", "LAST STORED")
        for queue in stats {
            let last = queue.lastStored.map(TimeText.text) ?? "-"
            table.add(
                queue.queue.brokerName, "\(queue.queue.queueID)", "\(queue.min.value)",
                "\(queue.max.value)", "\(queue.count)", last)
        }
        let permissions = Set(route.queues.map { Self.text($0.permission) }).sorted()
        return "\(self.name): \(stats.count) queues, \(permissions.joined(separator: "/")), "
            + "\(stats.reduce(0) { $0 + $1.count }) messages\n" + table.text
    }

    private func json(_ route: TopicRouteData, _ stats: [QueueStats]) -> JSONValue {
        [
            "topic": .string(self.name),
            "messages": .integer(stats.reduce(0) { $0 + Int64($1.count) }),
            "brokers": .array(
                route.queues.map { data in
                    let broker = route.brokers.first { $0.brokerName == data.brokerName }
                    return [
                        "broker": .string(data.brokerName),
                        "address": broker?.masterAddress.map { .string($0) } ?? .null,
                        "readQueues": .integer(Int64(data.readQueues)),
                        "writeQueues": .integer(Int64(data.writeQueues)),
                        "permission": .string(Self.text(data.permission)),
                    ]
                }),
            "queues": .array(
                stats.map { queue in
                    [
                        "broker": .string(queue.queue.brokerName),
                        "queue": .integer(Int64(queue.queue.queueID)),
                        "minOffset": .integer(queue.min.value),
                        "maxOffset": .integer(queue.max.value),
                        "lastStored": queue.lastStored.map { .string(TimeText.text($0)) } ?? .null,
                    ]
                }),
        ]
    }

    private static func text(_ permission: TopicPermission) -> String {
        switch (permission.contains(.read), permission.contains(.write)) {
        case (true, true): "read and write"
        case (true, false): "read only"
        case (false, true): "write only"
        case (false, false): "closed"
        }
    }
}

struct TopicDelete: ApusCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete", abstract: "Delete a topic and all its messages.",
        discussion: """
            Example:
              apus topic delete orders --yes
            """)

    @Argument(help: "The topic's name.")
    var name: String
    @Flag(help: "Do it: there is no way back.")
    var yes = false
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard self.yes else {
            throw ValidationError(
                "Deleting \(self.name) cannot be undone. Add --yes if you mean it.")
        }
    }

    func perform() async throws {
        let what = "cannot delete topic \(self.name)"
        try await self.connection.withCluster { access in
            try await attempting(what) { () async throws(AccessError) in
                _ = try await access.route(of: self.name)
                for master in try await access.masters() {
                    _ = try await access.call(
                        .request(.deleteTopicInBroker, fields: ["topic": self.name]),
                        to: master.address)
                }
                for address in access.nameServers {
                    _ = try await access.call(
                        .request(.deleteTopicInNameServer, fields: ["topic": self.name]),
                        to: address)
                }
            }
        }
        if self.output.json {
            Terminal.print(["deleted": .string(self.name)])
        } else {
            Terminal.print("\(self.name) is deleted")
        }
    }
}
