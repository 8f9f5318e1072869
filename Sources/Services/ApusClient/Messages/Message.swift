import ClientEngine
import Compression
import MessageFormat

/// A message to be sent.
public struct Message: Hashable, Sendable {
    /// Its name: letters, digits, `%`, `|`, `-` and `_`, at most 127 of them.
    public var topic: String
    /// One byte to 4 MiB.
    public var body: [UInt8]
    /// What consumers filter by.
    public var tag: String?
    /// What the message can be found by later.
    public var keys: [String]
    /// Further properties. Names and values must not contain the characters U+0001 and U+0002.
    public var properties: [String: String]
    /// Free for the user.
    public var flag: Int32
    /// Nil: consumers get it at once.
    public var delay: Delay?

    /// A message of bytes. Nothing is checked before it is sent.
    public init(
        topic: String, body: [UInt8], tag: String? = nil, keys: [String] = [],
        properties: [String: String] = [:], flag: Int32 = 0, delay: Delay? = nil
    ) {
        self.topic = topic
        self.body = body
        self.tag = tag
        self.keys = keys
        self.properties = properties
        self.flag = flag
        self.delay = delay
    }

    /// A message whose body is a text, in UTF-8.
    public init(
        topic: String, body: String, tag: String? = nil, keys: [String] = [],
        properties: [String: String] = [:], flag: Int32 = 0, delay: Delay? = nil
    ) {
        self.init(
            topic: topic, body: Array(body.utf8), tag: tag, keys: keys, properties: properties,
            flag: flag, delay: delay)
    }
}

extension Message {
    /// More than this no broker takes.
    static let bodyBytesMax = 4 << 20

    /// Bytes that it takes, roughly, while it waits.
    var bytes: Int { self.body.count + 256 }

    func outgoing(
        id: String, shardingKey: String?, _ compression: BodyCompressionRule? = nil
    ) throws(ApusClientError) -> OutgoingMessage {
        try self.check()
        var properties = MessageProperties()
        if let tag = self.tag, !tag.isEmpty { properties[PropertyName.tags] = tag }
        if !self.keys.isEmpty {
            properties[PropertyName.keys] = self.keys.joined(separator: " ")
        }
        if let shardingKey { properties[PropertyName.shardingKey] = shardingKey }
        for (name, value) in self.properties where !value.isEmpty { properties[name] = value }
        try self.delay?.write(to: &properties)
        let compressed = compression?.compressed(self.body)
        let outgoing = OutgoingMessage(
            body: compressed ?? self.body, properties: properties, uniqueKey: id, flag: self.flag,
            compression: compressed == nil ? [] : .compressedByZlib)
        let count = outgoing.properties.pairs.reduce(0) {
            $0 + $1.name.utf8.count + $1.value.utf8.count + 2
        }
        guard count <= MessageLayout.propertiesBytesMax else {
            throw Self.refused(
                "the properties take \(count) bytes, at most "
                    + "\(MessageLayout.propertiesBytesMax) are allowed")
        }
        return outgoing
    }

    private func check() throws(ApusClientError) {
        if let problem = ResourceName.problem(withTopic: self.topic) {
            throw ApusClientError(.invalidArgument, problem)
        }
        if self.body.isEmpty { throw Self.refused("the body is empty") }
        if self.body.count > Self.bodyBytesMax {
            throw Self.refused(
                "the body has \(self.body.count) bytes, at most \(Self.bodyBytesMax) are allowed")
        }
        if self.keys.contains(where: { $0.contains(" ") }) {
            throw Self.refused("a key contains a space, which separates keys")
        }
        let texts = self.properties.flatMap { [$0, $1] } + self.keys + [self.tag ?? ""]
        if texts.contains(where: { $0.utf8.contains { $0 == 1 || $0 == 2 } }) {
            throw Self.refused("a property contains U+0001 or U+0002, which separate properties")
        }
        if self.properties.keys.contains("") { throw Self.refused("a property has no name") }
    }

    private static func refused(_ why: String) -> ApusClientError {
        ApusClientError(.messageRefused, "the message cannot be sent: \(why)")
    }
}

/// When a producer compresses bodies, and how well.
struct BodyCompressionRule: Sendable {
    let bytesMin: Int
    let level: Int

    /// Nil if the body is small, does not get smaller, or this machine cannot.
    func compressed(_ body: [UInt8]) -> [UInt8]? {
        guard body.count >= self.bytesMin else { return nil }
        return BodyCompression.compressed(body, level: self.level)
    }
}
