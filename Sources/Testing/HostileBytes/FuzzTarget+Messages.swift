import ClientEngine
package import MessageFormat
import RemotingProtocol

extension FuzzTarget {
    /// Messages in their stored form, one behind the other, as a broker sends them to a client.
    static let message = FuzzTarget(name: "message", seeds: Self.messageSeeds) { bytes in
        let messages = try? InboundMessage.messages(in: bytes, brokerName: "b")
        let size = messages?.reduce(0) { $0 + $1.storedBytes }
        demand(size == nil || size == bytes.count, "messages lie one behind the other")
        for message in messages ?? [] {
            demand(message.body.count < message.storedBytes, "a body lies inside of its message")
            _ = message.messageID
            _ = message.shownTo("CG")
            _ = message.bornHost.description
        }
    }

    /// What a producer sends when it sends several.
    static let messageBatch = FuzzTarget(name: "message-batch", seeds: Self.batchSeeds) { bytes in
        guard let members = try? MessageBatch.members(of: bytes) else { return }
        var again: [UInt8] = []
        for member in members {
            MessageBatch.append(
                to: &again, flag: member.flag, body: member.body, properties: member.properties)
        }
        demand(again.count == bytes.count, "a batch is its members")
    }

    static let properties = FuzzTarget(name: "properties", seeds: Self.propertySeeds) { bytes in
        let properties = MessageProperties(parsing: bytes)
        let names = Set(properties.pairs.map(\.name))
        demand(names.count == properties.pairs.count, "each name is there once")
        var scanned = 0
        PropertyScan.forEach(in: bytes) { name, value in
            scanned += 1
            let name = String(decoding: name, as: UTF8.self)
            demand(names.contains(name), "both readers find the same names")
        }
        demand(names.count <= scanned, "and not more of them")
        let again = MessageProperties(parsing: properties.encoded)
        demand(again == properties, "what was read can be written and read")
    }
}

// Seeds.
extension FuzzTarget {
    package static let host = HostAddress(ip: [127, 0, 0, 1], port: 10911)

    private static func messageSeeds() -> [[UInt8]] {
        let hosts = [Self.host, HostAddress(ip: [UInt8](repeating: 1, count: 16), port: 1)]
        let messages = hosts.flatMap { host in
            ["T", String(repeating: "t", count: 200)].map { Self.stored(in: $0, by: host) }
        }
        return messages + [Array(messages.joined())]
    }

    private static func stored(in topic: String, by host: HostAddress) -> [UInt8] {
        let draft = MessageDraft(
            topic: topic, queueID: 1, bornTimestamp: Timestamp(milliseconds: 1_700_000_000_000),
            bornHost: host,
            storeHost: host)
        let body = Array("hello".utf8)
        let properties = Array("TAGS\u{1}a\u{2}UNIQ_KEY\u{1}7F000001\u{2}".utf8)
        var bytes: [UInt8] = []
        body.withUnsafeBytes { body in
            properties.withUnsafeBytes { properties in
                draft.append(
                    to: &bytes, body: body, properties: properties, queueOffset: QueueOffset(3),
                    physicalOffset: PhysicalOffset(48),
                    storeTimestamp: Timestamp(milliseconds: 1_700_000_000_001))
            }
        }
        return bytes
    }

    private static func batchSeeds() -> [[UInt8]] {
        var bytes: [UInt8] = []
        for text in ["", "one", "two and more"] {
            MessageBatch.append(
                to: &bytes, body: Array(text.utf8), properties: Array("KEYS\u{1}\(text)\u{2}".utf8))
        }
        return [bytes]
    }

    private static func propertySeeds() -> [[UInt8]] {
        [
            "TAGS\u{1}a\u{2}", "A\u{1}1\u{2}B\u{1}2\u{2}A\u{1}3",
            "\u{1}x\u{2}\u{2}Ünïcode\u{1}値\u{2}",
        ]
        .map { Array($0.utf8) }
    }
}
