import HostileBytes
import ClientEngine
import Compression
import DeliveryCore
import FilterCore
import MessageFormat
import RemotingProtocol

extension FuzzTarget {
    /// A SQL92 expression up to the first zero, then the properties that it is asked about.
    static let filter = FuzzTarget(name: "filter", seeds: Self.filterSeeds) { bytes in
        let end = bytes.firstIndex(of: 0) ?? bytes.count
        let text = String(decoding: bytes[..<end], as: UTF8.self)
        guard let filter = try? FilterExpression.parse(text) else { return }
        let properties = UnsafeRawBufferPointer(rebasing: bytes[min(end + 1, bytes.count)...])
        let result = filter.evaluate(properties)
        demand(filter.evaluate(properties) == result, "the same question has the same answer")
    }

    /// Texts with a form of their own, which clients keep and send back.
    static let handle = FuzzTarget(name: "handle", seeds: Self.handleSeeds) { bytes in
        let text = String(decoding: bytes, as: UTF8.self)
        if let handle = try? PopHandle(parsing: text) {
            demand((try? PopHandle(parsing: handle.text)) == handle, "a pop handle stays")
        }
        if let handle = RecallHandle(text) {
            demand(RecallHandle(handle.text) == handle, "a recall handle stays")
        }
        if let id = OffsetMessageID(text) {
            demand(OffsetMessageID(id.text) == id, "an id stays")
        }
        _ = PopTicket(text, topic: "T", group: "CG")
        _ = try? DelayLevels(parsing: text)
        _ = PropertiesText(parsing: text)
        _ = ResourceName.problem(withTopic: text)
    }

    /// A compressed body, as a consumer gets it.
    static let compressed = FuzzTarget(name: "compressed", seeds: Self.compressedSeeds) { bytes in
        let bytesMax = 1 << 20
        let body = Array(bytes)
        let inflated = try? BodyCompression.inflated(body, .compressedByZlib, bytesMax: bytesMax)
        demand((inflated?.count ?? 0) <= bytesMax, "no more comes out than was allowed")
        guard let small = BodyCompression.compressed(body, level: 5) else { return }
        let again = try? BodyCompression.inflated(small, .compressedByZlib)
        demand(again == body, "what was compressed can be inflated")
    }
}

// Seeds.
extension FuzzTarget {
    private static func filterSeeds() -> [[UInt8]] {
        [
            "a = 1 AND b <> 'x' OR NOT (c IS NULL)", "a BETWEEN 1 AND 10 OR b IN ('x', 'y')",
            "a IS NOT NULL AND TAGS CONTAINS 'x'", "a >= -1.5e3 AND b < 0x1F /* note */",
            "TAGS = 'a' -- end", "a NOT BETWEEN b AND c", "a NOT IN ('it''s')", "TRUE",
            "b STARTSWITH 'x' AND b NOT ENDSWITH 'y'",
        ].map { Array($0.utf8) + [0] + Array("a\u{1}1\u{2}b\u{1}xyx\u{2}TAGS\u{1}a\u{2}".utf8) }
    }

    private static func handleSeeds() -> [[UInt8]] {
        let handle = PopHandle(
            checkpoint: QueueOffset(1), popTime: Timestamp(milliseconds: 2), invisibleTime: 3,
            reviveQueue: 4, kind: .normal, brokerName: "b", queueID: 5, offset: QueueOffset(6))
        let recall = RecallHandle(
            topic: "T", brokerName: "b", due: Timestamp(milliseconds: 7), uniqueKey: "K")
        let id = OffsetMessageID(storeHost: Self.host, physicalOffset: PhysicalOffset(8))
        return [handle.text, recall.text, id.text, "1s 5s 10s 2h", "a=1\nb=2\n# c\n"]
            .map { Array($0.utf8) }
    }

    private static func compressedSeeds() -> [[UInt8]] {
        ["", "hello hello hello hello", String(repeating: "a", count: 5_000)]
            .compactMap { BodyCompression.compressed(Array($0.utf8), level: 9) }
            + [Array("hello".utf8)]
    }
}
