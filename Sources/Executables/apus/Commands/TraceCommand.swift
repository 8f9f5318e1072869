import ApusClient
import ArgumentParser
import MessageFormat
import RemotingProtocol

struct TraceCommand: ApusCommand {
    static let configuration = CommandConfiguration(
        commandName: "trace", abstract: "Show the way of a message: who sent it, who handled it.",
        discussion: """
            Clients write that down when they are told to: trace in the configuration of \
            ApusClient, enableMsgTrace in other clients. Times are by their clocks.

            Examples:
              apus trace 0A0000010BD218B4AAC2340C6F2A0001
              apus trace 0A0000010BD218B4AAC2340C6F2A0001 --topic my-traces
            """)

    @Argument(help: "The id that the message's producer gave it.")
    var id: String
    @Option(help: "Where the records are.")
    var topic: String = SystemTopic.trace
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func perform() async throws {
        let what = "cannot show the way of message \(self.id)"
        let records = try await self.connection.withAdmin { admin in
            try await attempting(what) { () async throws(ApusClientError) -> [TraceRecord] in
                do throws(ApusClientError) {
                    return try await admin.trace(ofMessage: self.id, in: self.topic)
                } catch {
                    // The first record makes the topic.
                    guard error.code == .topicNotFound else { throw error }
                    return []
                }
            }
        }
        guard !records.isEmpty else {
            throw CommandFailure(
                .negative, what, because: "nobody wrote it down in \(self.topic)",
                try: "records come some seconds late, and only from clients that are told to trace")
        }
        if self.output.json {
            Terminal.print([
                "id": .string(self.id), "records": .array(records.map(\.json)),
            ])
        } else {
            var table = Table("AT", "GROUP", "WHAT")
            for record in records {
                table.add(
                    record.timestamp.map { TimeText.text(Timestamp(milliseconds: $0)) } ?? "-",
                    record.group ?? "-", record.words)
            }
            Terminal.print(table.text)
        }
    }
}

extension TraceRecord {
    fileprivate var group: String? {
        switch self {
        case .sent(let record): record.group
        case .received(let record): record.group
        case .handled(let record): record.group
        case .transactionEnded(let record): record.group
        case .recalled(let record): record.group
        }
    }

    fileprivate var words: String {
        switch self {
        case .sent(let record):
            "sent to \(record.topic) at \(record.storeHost), \(record.bodyBytes) bytes, "
                + "\(record.milliseconds) ms, \(record.kind.words)"
                + (record.succeeded ? "" : ": FAILED")
        case .received(let record):
            "handed to a consumer, attempt \(record.reconsumeTimes + 1)"
        case .handled(let record):
            "\(record.succeeded ? "handled" : "handling FAILED (\(record.outcome.words))") "
                + "after \(record.milliseconds) ms"
        case .transactionEnded(let record):
            "transaction: \(record.outcome.words)"
                + (record.wasAsked ? ", when the broker asked" : "")
        case .recalled(let record): record.succeeded ? "recalled" : "could not be recalled"
        }
    }

    fileprivate var json: JSONValue {
        var members = [
            JSONMember("at", self.timestamp.map { .integer($0) } ?? .null),
            JSONMember("group", self.group.map { .string($0) } ?? .null),
            JSONMember("text", .string(self.words)),
        ]
        switch self {
        case .sent(let record):
            members += [
                JSONMember("event", "sent"), JSONMember("topic", .string(record.topic)),
                JSONMember("storeHost", .string(record.storeHost)),
                JSONMember("milliseconds", .integer(record.milliseconds)),
                JSONMember("succeeded", .bool(record.succeeded)),
            ]
        case .received(let record):
            members += [
                JSONMember("event", "received"), JSONMember("request", .string(record.requestID)),
                JSONMember("attempt", .integer(Int64(record.reconsumeTimes) + 1)),
            ]
        case .handled(let record):
            members += [
                JSONMember("event", "handled"), JSONMember("request", .string(record.requestID)),
                JSONMember("milliseconds", .integer(record.milliseconds)),
                JSONMember("succeeded", .bool(record.succeeded)),
            ]
        case .transactionEnded(let record):
            members += [
                JSONMember("event", "transactionEnded"),
                JSONMember("outcome", .string(record.outcome.words)),
            ]
        case .recalled(let record):
            members += [
                JSONMember("event", "recalled"), JSONMember("succeeded", .bool(record.succeeded)),
            ]
        }
        return .object(members)
    }
}

extension TraceRecord.Kind {
    fileprivate var words: String {
        switch self {
        case .normal: "normal"
        case .transactionHalf: "in a transaction"
        case .transactionCommit: "committed"
        case .delayed: "delayed"
        case .ordered: "ordered"
        }
    }
}

extension TraceRecord.Outcome {
    fileprivate var words: String {
        switch self {
        case .success: "success"
        case .timedOut: "too slow"
        case .threw: "it threw"
        case .returnedNothing: "it returned nothing"
        case .failed: "given back"
        }
    }
}

extension TransactionOutcome {
    fileprivate var words: String {
        switch self {
        case .commit: "committed"
        case .rollback: "rolled back"
        case .unknown: "left open"
        }
    }
}
