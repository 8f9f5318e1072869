import Chaos
import Compression
import MessageFormat
import RemotingProtocol

/// How messages are shown.
enum MessageText {
    /// One line: where, when, and what.
    static func line(_ message: FetchedMessage) -> String {
        var line =
            "\(message.topic)/\(message.queueID)@\(message.queueOffset.value) "
            + TimeText.text(message.storedAt)
        if let tag = message.properties[PropertyName.tags] { line += " tag=\(tag)" }
        if let keys = message.properties[PropertyName.keys] { line += " keys=\(keys)" }
        return line + " " + Self.body(message)
    }

    /// What its producer wrote, or why that cannot be shown.
    static func body(_ message: FetchedMessage) -> String {
        do throws(CompressionError) {
            return String(decoding: try self.bytes(message), as: UTF8.self)
        } catch {
            return "(\(message.body.count) bytes that cannot be shown: \(error))"
        }
    }

    static func bytes(_ message: FetchedMessage) throws(CompressionError) -> [UInt8] {
        try BodyCompression.inflated(message.body, message.systemFlag)
    }

    static func json(_ message: FetchedMessage) -> JSONValue {
        let properties = message.properties.pairs.map { JSONMember($0.name, .string($0.value)) }
        return [
            "topic": .string(message.topic), "queue": .integer(Int64(message.queueID)),
            "offset": .integer(message.queueOffset.value), "id": .string(message.messageID),
            "offsetID": .string(message.offsetMessageID),
            "bornAt": .string(TimeText.text(message.bornAt)),
            "storedAt": .string(TimeText.text(message.storedAt)),
            "bornHost": .string("\(message.bornHost)"),
            "storeHost": .string("\(message.storeHost)"),
            "reconsumeTimes": .integer(Int64(message.reconsumeTimes)),
            "tag": message.properties[PropertyName.tags].map { .string($0) } ?? .null,
            "keys": message.properties[PropertyName.keys].map { .string($0) } ?? .null,
            "properties": .object(properties), "size": .integer(Int64(message.body.count)),
            "body": .string(Self.body(message)),
        ]
    }

    /// All about one message.
    static func details(_ message: FetchedMessage, json: Bool) -> String {
        if json { return Self.json(message).encodedText }
        var text = [
            "id         \(message.messageID)", "offset id  \(message.offsetMessageID)",
            "place      \(message.topic), queue \(message.queueID), "
                + "offset \(message.queueOffset.value)",
            "born       \(TimeText.text(message.bornAt)) at \(message.bornHost)",
            "stored     \(TimeText.text(message.storedAt)) at \(message.storeHost)",
            "size       \(message.body.count) bytes"
                + (message.systemFlag.contains(.compressed) ? ", compressed" : "")
                + (message.isBodyIntact ? "" : ", checksum WRONG"),
        ]
        for pair in message.properties.pairs {
            text.append("property   \(pair.name) = \(pair.value)")
        }
        return (text + ["", Self.body(message)]).joined(separator: "\n")
    }

    /// Fills a template such as `{offset} {body}`.
    static func fill(_ template: String, with message: FetchedMessage) -> String {
        var text = ""
        var rest = template[...]
        while let start = rest.firstIndex(of: "{"), let end = rest[start...].firstIndex(of: "}") {
            text += rest[..<start]
            let name = String(rest[rest.index(after: start)..<end])
            text += Self.field(name, of: message) ?? String(rest[start...end])
            rest = rest[rest.index(after: end)...]
        }
        return text + rest
    }

    private static func field(_ name: String, of message: FetchedMessage) -> String? {
        switch name {
        case "topic": message.topic
        case "queue": "\(message.queueID)"
        case "offset": "\(message.queueOffset.value)"
        case "id": message.messageID
        case "time": TimeText.text(message.storedAt)
        case "tag": message.properties[PropertyName.tags] ?? ""
        case "keys": message.properties[PropertyName.keys] ?? ""
        case "body": Self.body(message)
        default: nil
        }
    }
}
