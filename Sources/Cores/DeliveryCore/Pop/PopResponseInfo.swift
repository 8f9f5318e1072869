package import MessageFormat

/// The header fields from which a client builds the handles of one answer.
///
/// Each kind of topic and queue occurs once: clients look offsets up by that pair.
package struct PopResponseInfo: Hashable, Sendable {
    private struct Part: Hashable {
        var kind: PopTopicKind
        var queueID: Int32
        var offsets: [QueueOffset]
    }

    private var parts: [Part] = []
    private var orderCounts: [String] = []

    package init() {}

    package var isEmpty: Bool { self.parts.isEmpty }

    /// What was taken from one queue, ascending. Nothing, or a pair that is there: ignored.
    package mutating func add(_ kind: PopTopicKind, queueID: Int32, offsets: [QueueOffset]) {
        let isThere = self.parts.contains { $0.kind == kind && $0.queueID == queueID }
        guard !offsets.isEmpty, !isThere else { return }
        self.parts.append(Part(kind: kind, queueID: queueID, offsets: offsets))
    }

    /// How often messages in order were delivered before.
    ///
    /// First deliveries have no entry of their own. The queue's entry, for clients that know no
    /// other, is the least count.
    package mutating func add(
        orderCounts counts: [PopOrderCount], _ kind: PopTopicKind, queueID: Int32
    ) {
        for count in counts where count.deliveredBefore > 0 {
            self.orderCounts.append(
                "\(kind.rawValue) qo\(queueID)%\(count.offset.value) \(count.deliveredBefore)")
        }
        let least = counts.map(\.deliveredBefore).min() ?? 0
        self.orderCounts.append("\(kind.rawValue) \(queueID) \(least)")
    }

    package var startOffsetInfo: String {
        self.joined { $0.first.map { String($0.value) } ?? "" }
    }

    package var messageOffsetInfo: String {
        self.joined { $0.map { String($0.value) }.joined(separator: ",") }
    }

    package var orderCountInfo: String { self.orderCounts.joined(separator: ";") }

    private func joined(_ offsets: ([QueueOffset]) -> String) -> String {
        self.parts.map { "\($0.kind.rawValue) \($0.queueID) \(offsets($0.offsets))" }
            .joined(separator: ";")
    }
}

/// How often a message had been delivered in order before this delivery.
package struct PopOrderCount: Hashable, Sendable {
    package var offset: QueueOffset
    package var deliveredBefore: Int32

    package init(offset: QueueOffset, deliveredBefore: Int32) {
        self.offset = offset
        self.deliveredBefore = deliveredBefore
    }
}

/// The `b` of a batch acknowledgement: which offsets from the start offset on.
package enum PopBitSet {
    /// Bits that are looked at; a pop never spans more.
    package static let bitsMax = 1 << 17

    /// Base64 of bytes, lowest bit first. Nil: not such a text, or too long.
    package static func offsets(base64 text: String, from start: QueueOffset) -> [QueueOffset]? {
        guard text.utf8.count <= Self.bitsMax / 6 + 4, let bytes = Self.bytes(base64: text),
            bytes.count * 8 <= Self.bitsMax, start.value >= 0,
            start.value <= PopFlight.offsetMax
        else { return nil }
        return bytes.enumerated().flatMap { index, byte in
            (0..<8).filter { byte & (1 << $0) != 0 }.map { start.advanced(by: index * 8 + $0) }
        }
    }

    private static func bytes(base64 text: String) -> [UInt8]? {
        var bytes: [UInt8] = []
        var gathered = UInt32(0)
        var bits = 0
        let characters = text.utf8.split(separator: UInt8(ascii: "="), maxSplits: 1)
        guard let body = characters.first else { return text.isEmpty ? [] : nil }
        if characters.count > 1, characters[1].contains(where: { $0 != UInt8(ascii: "=") }) {
            return nil
        }
        for character in body {
            guard let value = Self.value(of: character) else { return nil }
            gathered = (gathered << 6 | value) & 0xFFFF
            bits += 6
            guard bits >= 8 else { continue }
            bits -= 8
            bytes.append(UInt8(truncatingIfNeeded: gathered >> UInt32(bits)))
        }
        return bytes
    }

    private static func value(of character: UInt8) -> UInt32? {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(character - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(character - UInt8(ascii: "a")) + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(character - UInt8(ascii: "0")) + 52
        case UInt8(ascii: "+"), UInt8(ascii: "-"): 62
        case UInt8(ascii: "/"), UInt8(ascii: "_"): 63
        default: nil
        }
    }
}
