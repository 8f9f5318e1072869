package import ClientCore
package import ClientEngine
import Compression
package import MessageFormat

/// A message that came from a broker.
public struct ReceivedMessage: Sendable {
    package let inbound: InboundMessage

    /// As its producer wrote it: a compressed body is inflated.
    public let body: [UInt8]
    /// Why the body cannot be inflated: compressed by a method that is not known here, or damaged.
    /// `body` is then what is stored. Handlers do not get such a message: its handling fails.
    public let bodyProblem: ApusClientError?

    package let namespace: Namespace

    package init(
        _ inbound: InboundMessage, in namespace: Namespace = .none,
        inflatedBytesMax: Int = BodyCompression.inflatedBytesMax
    ) {
        self.inbound = inbound
        self.namespace = namespace
        do throws(CompressionError) {
            self.body = try BodyCompression.inflated(
                inbound.body, inbound.systemFlag, bytesMax: inflatedBytesMax)
            self.bodyProblem = nil
        } catch {
            self.body = inbound.body
            self.bodyProblem = ApusClientError(
                .unreadableBody,
                "the body of message \(inbound.messageID) cannot be read: \(error)",
                cause: error)
        }
    }

    /// The messages of one answer or one batch.
    ///
    /// A few bytes can stand for very many, and an answer may hold hundreds of such messages: together
    /// they are inflated to `inflatedBytesMax`, and what lies beyond keeps its body as it is stored.
    package static func all(
        _ messages: [InboundMessage], in namespace: Namespace = .none,
        inflatedBytesMax: Int = 4 * BodyCompression.inflatedBytesMax
    ) -> [ReceivedMessage] {
        var left = inflatedBytesMax
        return messages.map { inbound in
            let message = ReceivedMessage(
                inbound, in: namespace,
                inflatedBytesMax: min(left, BodyCompression.inflatedBytesMax))
            let isInflated =
                inbound.systemFlag.contains(.compressed) && message.bodyProblem == nil
            if isInflated { left -= message.body.count }
            return message
        }
    }

    /// What `body` still is: compressed, if it could not be inflated.
    package var bodyFlag: SystemFlag { self.bodyProblem == nil ? [] : self.inbound.systemFlag }

    /// For those who are about to work on the body.
    func checkBody() throws(ApusClientError) {
        if let bodyProblem { throw bodyProblem }
    }

    /// The id that its producer gave it, else the broker's.
    public var messageID: String { self.inbound.messageID }
    /// The id under which its broker finds it.
    public var offsetMessageID: String { self.inbound.offsetMessageID }
    /// The topic that it was sent to, also when it comes again from the group's retry topic.
    public var topic: String { self.namespace.bare(self.inbound.topic) }
    /// Where it was read: a retry lies in a queue of the group's retry topic.
    public var queue: TopicQueue { TopicQueue(self.namespace.bare(self.inbound.queue)) }
    /// Its place in that queue.
    public var queueOffset: Int64 { self.inbound.queueOffset.value }
    /// Its place in its broker's log.
    public var physicalOffset: Int64 { self.inbound.physicalOffset.bytes }
    /// The body as text; what is not UTF-8 is replaced.
    public var text: String { String(decoding: self.body, as: UTF8.self) }
    /// What its producer let consumers choose it by.
    public var tag: String? { self.inbound.properties[PropertyName.tags] }
    /// What it can be found by.
    public var keys: [String] {
        (self.inbound.properties[PropertyName.keys] ?? "").split(separator: " ").map(String.init)
    }
    /// By which its producer chose the queue, with `QueueSelection.hash`.
    public var shardingKey: String? { self.inbound.properties[PropertyName.shardingKey] }
    /// All properties, those of producer and broker included.
    public var properties: [String: String] {
        Dictionary(self.inbound.properties.pairs.map { ($0, $1) }, uniquingKeysWith: { $1 })
    }
    /// As its producer set it.
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
    /// Whether the body is stored compressed.
    public var isCompressed: Bool { self.inbound.systemFlag.contains(.compressed) }
    /// Whether the stored body is what its checksum says.
    public var isBodyIntact: Bool { self.inbound.isBodyIntact }
}
