import ClientEngine
import MessageFormat
import Testing

@testable import ApusClient

@Suite("Compressed bodies of one answer")
struct InflatedTogetherTests {
    @Test("together they are inflated up to a bound; what lies beyond says so, the rest is read")
    func bombs() throws {
        let messages = try (0..<6).map { try Self.message($0 == 4 ? "small" : Self.kilobytes(100)) }
        let received = ReceivedMessage.all(messages, inflatedBytesMax: 250 << 10)
        #expect(received.map { $0.bodyProblem == nil } == [true, true, false, false, true, false])
        #expect(received[1].text == Self.kilobytes(100))
        #expect(received[2].body == messages[2].body)
        #expect(received[4].text == "small")
        #expect(ReceivedMessage.all(messages).allSatisfy { $0.bodyProblem == nil })
    }

    private static func kilobytes(_ count: Int) -> String {
        String(repeating: "a", count: count << 10)
    }

    /// Compressed, unless that makes it longer.
    private static func message(_ text: String) throws -> InboundMessage {
        let host = HostAddress(ip: [127, 0, 0, 1], port: 1)
        let rule = BodyCompressionRule(bytesMin: 1_000, level: 5)
        let body = rule.compressed(Array(text.utf8))
        let draft = MessageDraft(
            topic: "T", queueID: 0, systemFlag: body == nil ? [] : .compressed,
            bornTimestamp: Timestamp(milliseconds: 0), bornHost: host, storeHost: host)
        var bytes: [UInt8] = []
        (body ?? Array(text.utf8)).withUnsafeBytes { body in
            draft.append(
                to: &bytes, body: body, properties: UnsafeRawBufferPointer(start: nil, count: 0),
                queueOffset: .zero, physicalOffset: .zero,
                storeTimestamp: Timestamp(milliseconds: 0))
        }
        let messages = try bytes.withUnsafeBytes {
            try InboundMessage.messages(in: $0, brokerName: "b")
        }
        return try #require(messages.first)
    }
}
