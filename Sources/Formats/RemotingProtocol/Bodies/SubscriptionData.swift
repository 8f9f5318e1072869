private import MessageFormat

/// What a consumer group wants of one topic.
package struct SubscriptionData: Hashable, Sendable {
    package static let all = "*"
    package static let tagExpression = "TAG"
    package static let sqlExpression = "SQL92"

    package var topic: String
    package var expression: String
    package var expressionType: String
    /// The tags of a tag expression in its order; none means all messages.
    package var tags: [String]
    /// Their hashes, in the same order.
    package var codes: [Int32]
    /// Grows with every change; milliseconds since 1970 in practice.
    package var version: Int64

    /// Tags are separated by `||`. `*`, nothing and null ask for everything.
    package init(
        topic: String, expression: String?, expressionType: String = Self.tagExpression,
        version: Int64 = 0
    ) {
        let expression = expression.flatMap { $0.isEmpty ? nil : $0 } ?? Self.all
        self.topic = topic
        self.expression = expression
        self.expressionType = expressionType
        self.version = version
        self.tags = expressionType == Self.tagExpression ? Self.tags(of: expression) : []
        self.codes = self.tags.map { TagHash.of($0) }
    }

    /// Whether a message passes the filter. The hash decides: two tags may share one, so clients
    /// compare the text again.
    package func matches(tagHash: Int32) -> Bool {
        self.codes.isEmpty || self.codes.contains(tagHash)
    }

    private static func tags(of expression: String) -> [String] {
        if expression == Self.all { return [] }
        var seen: Set<String> = []
        return Self.parts(of: Array(expression.utf8)).filter { seen.insert($0).inserted }
    }

    /// Splits at `||` and trims spaces; empty parts do not count.
    private static func parts(of bytes: [UInt8]) -> [String] {
        var parts: [[UInt8]] = [[]]
        var index = 0
        while index < bytes.count {
            let isSeparator =
                bytes[index] == UInt8(ascii: "|") && index + 1 < bytes.count
                && bytes[index + 1] == UInt8(ascii: "|")
            if isSeparator {
                parts.append([])
            } else {
                parts[parts.count - 1].append(bytes[index])
            }
            index += isSeparator ? 2 : 1
        }
        return parts.map { part in
            let trimmed = part.drop { $0 <= 0x20 }.reversed().drop { $0 <= 0x20 }.reversed()
            return String(decoding: Array(trimmed), as: UTF8.self)
        }.filter { !$0.isEmpty }
    }
}

extension SubscriptionData: JSONBody {
    package init(json: JSONValue) throws(BodyError) {
        let type = json["expressionType"]?.text ?? ""
        self.init(
            topic: try json.requiredText("topic"), expression: json["subString"]?.text,
            expressionType: type.isEmpty ? Self.tagExpression : type,
            version: try json.int64("subVersion", default: 0))
    }

    package var json: JSONValue {
        [
            "classFilterMode": false,
            "codeSet": .array(self.codes.map { .integer(Int64($0)) }),
            "expressionType": .string(self.expressionType),
            "subString": .string(self.expression),
            "subVersion": .integer(self.version),
            "tagsSet": .strings(self.tags),
            "topic": .string(self.topic),
        ]
    }
}
