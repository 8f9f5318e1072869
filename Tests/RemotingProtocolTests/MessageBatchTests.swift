import RemotingProtocol
import Testing

@Suite("Batches of messages")
struct MessageBatchTests {
    private struct Message: Equatable {
        var flag: Int32
        var body: [UInt8]
        var properties: [UInt8]
    }

    private static let messages = [
        Message(flag: 0, body: [], properties: []),
        Message(flag: -1, body: [1, 2, 3], properties: Array("A\u{1}b\u{2}".utf8)),
        Message(flag: .max, body: Array(repeating: 7, count: 5000), properties: []),
        Message(flag: 1, body: [0], properties: Array(repeating: 65, count: 32_767)),
    ]

    private static func encode(_ messages: [Message]) -> [UInt8] {
        messages.reduce(into: []) {
            MessageBatch.append(to: &$0, flag: $1.flag, body: $1.body, properties: $1.properties)
        }
    }

    private static func decode(_ bytes: [UInt8]) throws -> [Message] {
        try bytes.withUnsafeBytes { bytes in
            try MessageBatch.members(of: bytes).map {
                Message(flag: $0.flag, body: Array($0.body), properties: Array($0.properties))
            }
        }
    }

    @Test("a member's bytes")
    func layout() {
        let bytes = Self.encode([Message(flag: 5, body: [9, 8], properties: [7])])
        #expect(bytes == hex("00000019 00000000 00000000 00000005 00000002 0908 0001 07"))
    }

    @Test("what is put in comes out")
    func roundTrip() throws {
        #expect(try Self.decode(Self.encode(Self.messages)) == Self.messages)
        #expect(try Self.decode([]) == [])
    }

    @Test("cut short inside a member, the batch is refused")
    func everyTruncation() {
        let bytes = Self.encode(Array(Self.messages[..<2]))
        for count in 1..<bytes.count where count != MessageBatch.memberBytesMin {
            #expect(throws: BodyError.self, "\(count) bytes") {
                try Self.decode(Array(bytes[..<count]))
            }
        }
    }

    @Test("no length is believed", arguments: [Int32(-1), .min, .max, 0, 21, 27, 30, 1000])
    func lies(length: Int32) {
        let bytes = Self.encode([Self.messages[1]])
        for at in [0, 16] {
            var broken = bytes
            withUnsafeBytes(of: length.bigEndian) {
                broken.replaceSubrange(at..<(at + 4), with: $0)
            }
            #expect(throws: BodyError.self) { try Self.decode(broken) }
        }
        var broken = bytes
        withUnsafeBytes(of: Int16(truncatingIfNeeded: length).bigEndian) {
            broken.replaceSubrange(23..<25, with: $0)
        }
        #expect(throws: BodyError.self) { try Self.decode(broken) }
    }
}
