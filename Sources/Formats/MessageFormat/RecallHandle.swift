/// Names a delayed message for as long as it waits, so that its producer can take it back.
///
/// URL-safe Base64 of `v1 TOPIC BROKER TIME UNIQUE_KEY`; the time is one millisecond after the
/// delivery time (`messages.md` §4).
package struct RecallHandle: Hashable, Sendable {
    package var topic: String
    package var brokerName: String
    package var due: Timestamp
    package var uniqueKey: String

    package init(topic: String, brokerName: String, due: Timestamp, uniqueKey: String) {
        self.topic = topic
        self.brokerName = brokerName
        self.due = due
        self.uniqueKey = uniqueKey
    }

    package var text: String {
        let time = self.due.milliseconds &+ 1
        return URLBase64.encode(
            Array("v1 \(self.topic) \(self.brokerName) \(time) \(self.uniqueKey)".utf8))
    }

    /// Nil: the text is no such handle.
    package init?(_ text: String) {
        guard let bytes = URLBase64.decode(text),
            let plain = String(validating: bytes, as: UTF8.self)
        else { return nil }
        let words = plain.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        guard words.count == 5, words[0] == "v1", let time = Int64(words[3]), time > .min,
            !words[1].isEmpty, !words[4].isEmpty
        else { return nil }
        self.init(
            topic: words[1], brokerName: words[2], due: Timestamp(milliseconds: time - 1),
            uniqueKey: words[4])
    }
}

/// Base64 with the alphabet that URLs and file names take (RFC 4648 §5).
package enum URLBase64 {
    private static let alphabet = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    package static func encode(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let padded = Array(group) + [0, 0]
            let bits = UInt32(padded[0]) << 16 | UInt32(padded[1]) << 8 | UInt32(padded[2])
            for index in 0..<4 {
                let isPadding = index > group.count
                text.append(
                    isPadding
                        ? UInt8(ascii: "=")
                        : Self.alphabet[Int(bits >> UInt32(18 - 6 * index)) & 63])
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// With or without padding at the end. Nil: not of this alphabet, or cut off.
    package static func decode(_ text: String) -> [UInt8]? {
        let digits = text.utf8.reversed().drop { $0 == UInt8(ascii: "=") }.reversed()
        guard digits.count % 4 != 1 else { return nil }
        var bytes: [UInt8] = []
        var bits = UInt32(0)
        var count = 0
        for digit in digits {
            guard let value = Self.alphabet.firstIndex(of: digit) else { return nil }
            bits = bits << 6 | UInt32(value)
            count += 6
            guard count >= 8 else { continue }
            count -= 8
            bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
        }
        return bytes
    }
}
