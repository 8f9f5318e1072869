internal import MessageFormat

/// A message body that describes itself.
///
/// It holds who sent it, where to, its own length and a checksum of all of it, so that corruption,
/// misrouting and truncation show by themselves, whoever reads it:
/// `apus1 CLIENT SEQUENCE ATTEMPT TOPIC LENGTH CRC32 padding…`
package struct MessageValue: Hashable, Sendable {
    package var id: ValueID
    package var topic: String
    /// Bytes of the whole body. A smaller wish than the description needs is raised to that.
    package var size: Int

    package init(id: ValueID, topic: String, size: Int) {
        self.id = id
        self.topic = topic
        self.size = size
    }

    private static let magic = "apus1"

    package var encoded: [UInt8] {
        let (head, size) = self.headAndSize()
        var bytes = Array(head.utf8)
        let checksumAt = bytes.count
        bytes.append(contentsOf: "00000000 ".utf8)
        bytes.reserveCapacity(size)
        // Padding that differs between messages: swapped tails would else go unnoticed.
        let first = UInt8(truncatingIfNeeded: self.id.sequence & 15)
        let letters = (0..<26).map { UInt8(ascii: "a") + (first + $0) % 26 }
        while bytes.count < size { bytes += letters.prefix(size - bytes.count) }
        let checksum = Self.checksum(of: bytes, checksumAt: checksumAt)
        bytes.replaceSubrange(checksumAt..<(checksumAt + 8), with: Self.digits(checksum))
        return bytes
    }

    /// The description up to the checksum, and the body's real size, which it names.
    private func headAndSize() -> (head: String, size: Int) {
        let start =
            "\(Self.magic) \(self.id.client) \(self.id.sequence) \(self.id.attempt) \(self.topic) "
        var size = self.size
        // Raising the size may lengthen its own digits once more.
        while size < start.utf8.count + String(size).utf8.count + 10 {
            size = start.utf8.count + String(size).utf8.count + 10
        }
        return (start + "\(size) ", size)
    }

    private static func digits(_ checksum: UInt32) -> [UInt8] {
        let text = String(checksum, radix: 16)
        return Array(repeating: UInt8(ascii: "0"), count: 8 - text.utf8.count) + Array(text.utf8)
    }

    /// Covers every byte but the checksum's own eight digits.
    private static func checksum(of bytes: [UInt8], checksumAt: Int) -> UInt32 {
        bytes.withUnsafeBytes {
            let head = Checksum.crc32($0.slice(0..<checksumAt))
            return Checksum.crc32($0.slice((checksumAt + 8)..<$0.count), seed: head)
        }
    }
}

extension MessageValue {
    /// What a body that was read from `topic` turns out to be.
    package static func content(of body: [UInt8], in topic: String) -> MessageContent {
        let whole = body.withUnsafeBytes { Checksum.crc32($0) }
        guard body.starts(with: (Self.magic + " ").utf8) else { return .foreign(checksum: whole) }
        switch Self.parse(body) {
        case .failure(let flaw):
            return .corrupt(checksum: whole, problem: flaw.problem)
        case .success(let value) where value.topic != topic:
            return .corrupt(
                checksum: whole,
                problem: "\(value.id) was sent to topic \(value.topic), but read from \(topic)")
        case .success(let value):
            return .value(value.id)
        }
    }

    private struct Flaw: Error {
        var problem: String
    }

    private static func parse(_ body: [UInt8]) -> Result<Self, Flaw> {
        let words = body.split(
            separator: UInt8(ascii: " "), maxSplits: 7, omittingEmptySubsequences: false)
        guard words.count == 8 else { return .failure(Flaw(problem: "the description is cut off")) }
        let text = words[1..<7].map { String(decoding: $0, as: UTF8.self) }
        guard let sequence = Int64(text[1]), let attempt = Int32(text[2]), let size = Int(text[4]),
            let checksum = UInt32(text[5], radix: 16), text[5].utf8.count == 8
        else { return .failure(Flaw(problem: "the description is garbled")) }
        let id = ValueID(client: text[0], sequence: sequence, attempt: attempt)
        guard size == body.count else {
            return .failure(
                Flaw(problem: "\(id) was sent with \(size) bytes and has \(body.count)"))
        }
        guard Self.checksum(of: body, checksumAt: words[6].startIndex) == checksum else {
            return .failure(Flaw(problem: "the checksum of \(id) is wrong"))
        }
        return .success(Self(id: id, topic: text[3], size: size))
    }
}
