import ArgumentParser
import Chaos
import MessageFormat
import RemotingProtocol

struct MessageCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "message", abstract: "Find single messages, and what waits for its time.",
        subcommands: [MessageGet.self, MessageFind.self, MessageDelayed.self])
}

struct MessageGet: ApusCommand {
    static let configuration = CommandConfiguration(
        commandName: "get", abstract: "Show the message with an id.",
        discussion: """
            Takes both ids that a message has: the one its producer gave it (then name the topic) \
            and the one its broker gave it.

            Examples:
              apus message get 7F00000100002A9F00000000000003E8
              apus message get 7F0000010BD218B4AAC2340C6F2A0001 --topic orders
            """)

    @Argument(help: "The message's id: 32 hexadecimal digits.")
    var id: String
    @Option(help: "The topic, for an id that the producer gave.")
    var topic: String?
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func perform() async throws {
        let message = try await self.connection.withCluster { access in
            if let topic = self.topic {
                let found = try await attempting("cannot look for message \(self.id)") {
                    () async throws(AccessError) in
                    try await access.find(
                        self.id, in: topic, isUniqueKey: true, countMax: 32, from: nil, to: nil)
                }
                if let match = found.first(where: { $0.messageID == self.id }) { return match }
            }
            return try await self.byOffset(access)
        }
        Terminal.print(MessageText.details(message, json: self.output.json))
    }

    private func byOffset(_ access: ClusterAccess) async throws(CommandFailure) -> FetchedMessage {
        let missing = CommandFailure.notFound(
            "cannot show message \(self.id)",
            try: self.topic == nil
                ? "name the topic, if it is an id that the producer gave: --topic TOPIC"
                : "look for a key instead: `apus message find --topic TOPIC --key KEY`")
        guard let id = OffsetMessageID(self.id) else { throw missing }
        let address = "\(id.storeHost)"
        do {
            let answer = try await access.call(
                .request(
                    .viewMessageByID, fields: ["offset": String(id.physicalOffset.bytes)]),
                to: address)
            guard let message = try FetchedMessage.all(in: answer, from: address).first else {
                throw AccessError.refused(.queryNotFound, remark: "", by: address)
            }
            return message
        } catch {
            // The id may be a producer's: then the address in it is no broker's.
            throw missing
        }
    }
}

struct MessageFind: ApusCommand {
    static let configuration = CommandConfiguration(
        commandName: "find", abstract: "Find messages by key.",
        discussion: """
            Examples:
              apus message find --topic orders --key customer-17
              apus message find --topic orders --key customer-17 --since 2h
            """)

    @Option(help: "The topic.")
    var topic: String
    @Option(help: "One of the message's keys.")
    var key: String
    @Option(help: "Only messages stored at this time (UTC) or age, or later.")
    var since: String?
    @Option(help: "Only messages stored before this time or age.")
    var until: String?
    @Option(help: "At most so many messages from each broker.")
    var count: Int = 64
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func perform() async throws {
        let from = try self.time(self.since, option: "--since")
        let to = try self.time(self.until, option: "--until")
        let what = "cannot look for key \(self.key) in \(self.topic)"
        let found = try await self.connection.withCluster { access in
            try await attempting(what) { () async throws(AccessError) in
                try await access.find(
                    self.key, in: self.topic, isUniqueKey: false, countMax: self.count, from: from,
                    to: to)
            }
        }
        if self.output.json {
            Terminal.print(["messages": .array(found.map(MessageText.json))])
        } else {
            for message in found { Terminal.print(MessageText.line(message)) }
        }
        if found.isEmpty {
            if !self.output.json { Terminal.note("no message of \(self.topic) has that key") }
            throw ExitCode(ExitStatus.negative.rawValue)
        }
    }

    private func time(_ text: String?, option: String) throws(CommandFailure) -> Timestamp? {
        guard let text else { return nil }
        guard let time = TimeText.parse(text, now: Recorder.wallNow) else {
            throw StartPosition.failure(text, option: option)
        }
        return time
    }
}

extension ClusterAccess {
    /// Asks every broker of a topic's route; the index is by hash, so each hit is compared again.
    fileprivate func find(
        _ key: String, in topic: String, isUniqueKey: Bool, countMax: Int, from: Timestamp?,
        to: Timestamp?
    ) async throws(AccessError) -> [FetchedMessage] {
        var found: [FetchedMessage] = []
        for broker in try await self.route(of: topic).brokers {
            guard let address = broker.masterAddress else { continue }
            let command = RemotingCommand.request(
                .queryMessage,
                fields: [
                    "_UNIQUE_KEY_QUERY": String(isUniqueKey),
                    "beginTimestamp": String(from?.milliseconds ?? 0),
                    "endTimestamp": String(to?.milliseconds ?? .max), "key": key,
                    "maxNum": String(countMax), "topic": topic,
                ])
            let answer = try await self.call(
                command, to: address, accepting: [.success, .queryNotFound])
            guard answer.responseCode == .success else { continue }
            found += try FetchedMessage.all(in: answer, from: address).filter {
                isUniqueKey ? $0.messageID == key : $0.keys.contains(key)
            }
        }
        return found.sorted { $0.storedAt < $1.storedAt }
    }
}

extension FetchedMessage {
    fileprivate var keys: [String] {
        (self.properties[PropertyName.keys] ?? "").split(separator: " ").map(String.init)
    }
}
