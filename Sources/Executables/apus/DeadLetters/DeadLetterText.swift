import ApusClient
import MessageFormat
import RemotingProtocol

/// How dead letters are shown.
enum DeadLetterText {
    private static let errorCharactersMax = 60

    static func time(_ milliseconds: Int64?) -> String {
        milliseconds.map { TimeText.text(Timestamp(milliseconds: $0)) } ?? "never"
    }

    static func table(of letters: [DeadLetter]) -> String {
        var table = Table("DIED", "TOPIC", "KEYS", "TRIED", "ID", "ERROR")
        for letter in letters {
            table.add(
                Self.time(letter.diedAt), letter.originTopic ?? "?",
                letter.message.keys.joined(separator: " "),
                letter.attempts.map(String.init) ?? "?", letter.message.messageID,
                Self.line(letter.error ?? "") + (letter.isReplayed ? " (sent again)" : ""))
        }
        return table.text
    }

    /// What fits a line.
    static func line(_ text: String) -> String {
        let line = String(text.map { $0.isNewline ? " " : $0 })
        guard line.count > Self.errorCharactersMax else { return line }
        return line.prefix(Self.errorCharactersMax - 1) + "…"
    }
}

extension DeadLetter {
    var json: JSONValue {
        [
            "id": .string(self.message.messageID),
            "offsetID": .string(self.message.offsetMessageID),
            "topic": self.originTopic.map { .string($0) } ?? .null,
            "broker": .string(self.message.queue.brokerName),
            "queue": .integer(Int64(self.message.queue.id)),
            "offset": .integer(self.message.queueOffset),
            "diedAt": .string(DeadLetterText.time(self.diedAt)),
            "attempts": self.attempts.map { .integer(Int64($0)) } ?? .null,
            "consumer": self.consumer.map { .string($0) } ?? .null,
            "error": self.error.map { .string($0) } ?? .null,
            "keys": .strings(self.message.keys),
            "tag": self.message.tag.map { .string($0) } ?? .null,
            "sentAgain": .bool(self.isReplayed),
            "size": .integer(Int64(self.message.body.count)),
            "body": .string(self.message.isCompressed ? "" : self.message.text),
        ]
    }
}

extension DeadLetterSummary {
    var json: JSONValue {
        func time(_ milliseconds: Int64?) -> JSONValue {
            milliseconds.map { .string(DeadLetterText.time($0)) } ?? .null
        }
        return [
            "group": .string(self.group), "waiting": .integer(self.waiting),
            "sentAgain": .integer(self.replayed), "lastSentAgain": time(self.lastReplayedAt),
            "lastPurged": time(self.lastPurgedAt),
        ]
    }
}
