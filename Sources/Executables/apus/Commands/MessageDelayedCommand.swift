import ArgumentParser
import Chaos
import MessageFormat
import RemotingProtocol

struct MessageDelayed: ApusCommand {
    static let configuration = CommandConfiguration(
        commandName: "delayed", abstract: "Show how many messages wait for their time, and which.",
        discussion: """
            Example:
              apus message delayed --limit 5
            """)

    @Option(help: "Show this many of each broker's, the next ones first (1 to 1000).")
    var limit = 20
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (1...1_000).contains(self.limit) else {
            throw ValidationError("--limit is a number from 1 to 1000")
        }
    }

    func perform() async throws {
        let lists = try await self.connection.withCluster { access in
            try await attempting("cannot list delayed messages") {
                () async throws(AccessError) in
                try await access.delayedMessages(limit: self.limit)
            }
        }
        if self.output.json {
            Terminal.print([
                "brokers": .array(
                    lists.map { ["broker": .string($0.broker), "delayed": $0.list.json] })
            ])
        } else {
            Terminal.print(self.text(lists))
        }
    }

    private func text(_ lists: [(broker: String, list: DelayedMessageList)]) -> String {
        let total = lists.reduce(0) { $0 + $1.list.total }
        let rows = lists.flatMap { broker, list in list.messages.map { (broker, $0) } }
            .sorted { $0.1.due < $1.1.due }
        guard !rows.isEmpty else { return "\(total) messages wait" }
        var table = Table("DUE", "TOPIC", "BROKER", "QUEUE", "ID")
        for (broker, message) in rows.prefix(self.limit) {
            table.add(
                TimeText.text(message.due), message.topic, broker, "\(message.queueID)",
                message.uniqueKey)
        }
        return "\(total) messages wait\n" + table.text
    }
}

extension ClusterAccess {
    /// What waits for its time, broker by broker.
    func delayedMessages(
        limit: Int
    ) async throws(AccessError) -> [(broker: String, list: DelayedMessageList)] {
        var lists: [(broker: String, list: DelayedMessageList)] = []
        for master in try await self.masters() {
            let answer = try await self.call(
                .request(.listDelayedMessages, fields: ["limit": String(limit)]),
                to: master.address)
            lists.append((master.brokerName, try Self.body(of: answer, from: master.address)))
        }
        return lists
    }
}
