import ClientEngine
import DeliveryCore
import LogCore
import MessageFormat
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
        var scanned = 0
        PropertyScan.forEach(in: bytes) { name, value in
            scanned += 1
            let name = String(decoding: name, as: UTF8.self)
            demand(properties[name] != nil, "both readers find the same names")
        }
        demand(properties.pairs.count <= scanned, "and not more of them")
        let again = MessageProperties(parsing: properties.encoded)
        demand(again == properties, "what was read can be written and read")
    }

    /// A batch of the log. Its checksum is mended first: a fuzzer will not guess it.
    static let logBatch = FuzzTarget(name: "log-batch", seeds: Self.logSeeds) { bytes in
        guard bytes.count >= LogBatchHeader.count else {
            return demand(
                (try? LogBatchHeader(checking: bytes, at: .zero, logID: 1)) == nil,
                "too few bytes are no batch")
        }
        var batch = Array(bytes)
        let length = Int(bytes.bigEndian(UInt32.self, at: 8))
        if (9...batch.count).contains(length) {
            let checksum = Checksum.crc32c(bytes.slice(8..<length))
            batch.withUnsafeMutableBytes { $0.store(bigEndian: checksum, at: 4) }
        }
        batch.withUnsafeBytes { batch in
            let position = PhysicalOffset(batch.bigEndian(Int64.self, at: 16))
            let logID = batch.bigEndian(UInt64.self, at: 40)
            guard let header = try? LogBatchHeader(checking: batch, at: position, logID: logID)
            else { return }
            try? LogRecord.forEach(in: batch, of: header) { record in
                if case .message(let view, _) = record { _ = view.properties }
            }
        }
    }

    /// A record of state, as replicas and recovery apply it: two bytes of kind, then its payload.
    static let records = FuzzTarget(name: "state-record", seeds: Self.recordSeeds) { bytes in
        var cursor = ByteCursor(bytes)
        var state = DeliveryState(settings: DeliverySettings())
        while !cursor.isAtEnd {
            let kind = UInt16(cursor.byte()) << 8 | UInt16(cursor.byte())
            let count = Int(cursor.byte()) << 8 | Int(cursor.byte())
            _ = try? state.apply(kind: kind, payload: cursor.take(count))
        }
    }
}

// Seeds.
extension FuzzTarget {
    static let host = HostAddress(ip: [127, 0, 0, 1], port: 10911)

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

    private static func logSeeds() -> [[UInt8]] {
        let written = BrokerUnderTest.written(by: Array(RequestTemplates.all.prefix(4)))
        return written.map(\.bytes)
    }

    private static func recordSeeds() -> [[UInt8]] {
        var seeds: [[UInt8]] = []
        for batch in BrokerUnderTest.written(by: RequestTemplates.broker) {
            batch.bytes.withUnsafeBytes { bytes in
                guard
                    let header = try? LogBatchHeader(
                        checking: bytes, at: batch.position, logID: BrokerUnderTest.logID)
                else { return }
                try? LogRecord.forEach(in: bytes, of: header) { record in
                    guard case .state(let kind, let payload, _) = record else { return }
                    var seed: [UInt8] = []
                    seed.append(bigEndian: kind)
                    seed.append(bigEndian: UInt16(clamping: payload.count))
                    seeds.append(seed + payload)
                }
            }
        }
        return seeds
    }
}
