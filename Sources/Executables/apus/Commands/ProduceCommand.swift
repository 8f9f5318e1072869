import ArgumentParser
import Chaos
import MessageFormat
import RemotingProtocol

struct ProduceCommand: ApusCommand {
    static let configuration = CommandConfiguration(
        commandName: "produce", abstract: "Send messages.",
        discussion: """
            Each argument is a message; without any, each line of --file or of standard input is \
            one. They are sent one after the other, each when the one before is acknowledged.

            Examples:
              apus produce --topic orders "first" "second" --tag new
              apus produce --topic orders --file orders.txt
              tail -F app.log | apus produce --topic logs
            """)

    @Argument(help: "The messages.")
    var messages: [String] = []
    @Option(name: [.long, .customShort("t")], help: "The topic.")
    var topic: String
    @Option(help: "A file of which each line is a message.")
    var file: String?
    @Option(help: "The tag of all messages, by which consumers may choose.")
    var tag: String?
    @Option(help: "A key of all messages, by which they can be found.")
    var key: String?
    @Option(
        name: [.customLong("property")],
        help: ArgumentHelp("A property of all messages; may be repeated.", valueName: "name=value"))
    var properties: [String] = []
    @Option(help: "Seconds to go on trying while the cluster does not take a message.")
    var patience: Double = 30
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions
    @OptionGroup var progress: ProgressOptions

    func validate() throws {
        if let problem = ResourceName.problem(withTopic: self.topic) {
            throw ValidationError("\(problem).")
        }
        guard self.messages.isEmpty || self.file == nil else {
            throw ValidationError("Give either messages or --file.")
        }
        guard self.properties.allSatisfy({ $0.split(separator: "=", maxSplits: 1).count == 2 })
        else { throw ValidationError("--property wants NAME=VALUE.") }
    }

    func perform() async throws {
        var lines = try self.lines()
        let tally = SendTally()
        let line = ProgressLine(self.progress) { "\(tally.sent) messages sent" }
        do {
            try await self.connection.withCluster { access in
                var sender = try await self.sender(access)
                while let body = try lines.next() {
                    let report = try await sender.send(body, patience: .seconds(self.patience))
                    tally.count()
                    self.show(report)
                }
            }
        } catch {
            await line.finish()
            throw error
        }
        await line.finish()
        self.summarize(tally.sent)
    }

    private func lines() throws(CommandFailure) -> MessageLines {
        if !self.messages.isEmpty { return MessageLines(self.messages) }
        if self.file == nil, Terminal.inputIsTerminal {
            Terminal.note("reading messages from the terminal, one a line; Ctrl-D ends")
        }
        return try MessageLines(file: self.file)
    }

    private func sender(_ access: ClusterAccess) async throws(CommandFailure) -> SteadySender {
        var properties = MessageProperties()
        for pair in self.properties {
            let parts = pair.split(separator: "=", maxSplits: 1)
            properties[String(parts[0])] = String(parts[1])
        }
        return SteadySender(
            access: access, topic: self.topic,
            request: SendTemplate(producerGroup: "apus-produce", tag: self.tag, keys: self.key),
            properties: properties)
    }

    /// Messages given by hand are few: each is reported.
    private func show(_ report: SendReport) {
        guard !self.messages.isEmpty else { return }
        if self.output.json {
            Terminal.print(report.json)
        } else if let position = report.position {
            let place = "queue \(position.queue.queueID) of \(position.queue.brokerName)"
            Terminal.print(
                "\(report.messageID ?? "-") in \(place), offset \(position.offset.value)")
        }
    }

    private func summarize(_ count: Int) {
        guard self.messages.isEmpty else { return }
        if self.output.json {
            Terminal.print(["topic": .string(self.topic), "sent": .integer(Int64(count))])
        } else {
            Terminal.note("\(count) messages sent to \(self.topic), all acknowledged")
        }
    }
}

extension SendReport {
    fileprivate var json: JSONValue {
        [
            "id": self.messageID.map { .string($0) } ?? .null, "status": .string(self.status),
            "broker": self.position.map { .string($0.queue.brokerName) } ?? .null,
            "queue": self.position.map { .integer(Int64($0.queue.queueID)) } ?? .null,
            "offset": self.position.map { .integer($0.offset.value) } ?? .null,
        ]
    }
}
