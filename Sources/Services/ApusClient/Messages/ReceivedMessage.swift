package import ClientEngine
import MessageFormat

/// A message that came from a broker.
public struct ReceivedMessage: Sendable {
    package let inbound: InboundMessage

    package init(_ inbound: InboundMessage) { self.inbound = inbound }

    /// The id that its producer gave it, else the broker's.
    public var messageID: String { self.inbound.messageID }
    /// The id under which its broker finds it.
    public var offsetMessageID: String { self.inbound.offsetMessageID }
    /// The topic that it was sent to, also when it comes again from the group's retry topic.
    public var topic: String { self.inbound.topic }
    /// Where it was read: a retry lies in a queue of the group's retry topic.
    public var queue: TopicQueue { TopicQueue(self.inbound.queue) }
    public var queueOffset: Int64 { self.inbound.queueOffset.value }
    /// Its place in its broker's log.
    public var physicalOffset: Int64 { self.inbound.physicalOffset.bytes }
    public var body: [UInt8] { self.inbound.body }
    /// The body as text; what is not UTF-8 is replaced.
    public var text: String { String(decoding: self.inbound.body, as: UTF8.self) }
    public var tag: String? { self.inbound.properties[PropertyName.tags] }
    public var keys: [String] {
        (self.inbound.properties[PropertyName.keys] ?? "").split(separator: " ").map(String.init)
    }
    public var shardingKey: String? { self.inbound.properties[PropertyName.shardingKey] }
    /// All properties, those of producer and broker included.
    public var properties: [String: String] {
        Dictionary(self.inbound.properties.pairs.map { ($0, $1) }, uniquingKeysWith: { $1 })
    }
    public var flag: Int32 { self.inbound.flag }
    /// When its producer made it, in milliseconds since 1970 by the producer's clock.
    public var bornTimestamp: Int64 { self.inbound.bornTimestamp.milliseconds }
    /// When its broker stored it, by the broker's clock.
    public var storeTimestamp: Int64 { self.inbound.storeTimestamp.milliseconds }
    /// `ip:port` of the connection that brought it.
    public var bornHost: String { self.inbound.bornHost.description }
    /// `ip:port` of the broker that stored it.
    public var storeHost: String { self.inbound.storeHost.description }
    /// How often the brokers have redelivered it after its handling failed.
    public var reconsumeTimes: Int { Int(self.inbound.reconsumeTimes) }
    /// Whether the producer compressed the body; it is handed over as it was stored.
    public var isCompressed: Bool { self.inbound.systemFlag.contains(.compressed) }
    /// Whether the body is what its checksum says.
    public var isBodyIntact: Bool { self.inbound.isBodyIntact }
}
