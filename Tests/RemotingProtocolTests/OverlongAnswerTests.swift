import NIOCore
import RemotingProtocol
import Testing

@Suite("What a peer sent does not make an answer grow without bound")
struct OverlongAnswerTests {
    @Test(
        "a remark that quotes six megabytes is cut", arguments: [SerializationType.json, .binary])
    func remark(serialization: SerializationType) throws {
        let garbage = String(repeating: "\u{FFFD}", count: 6 << 20)
        var bytes = ByteBuffer()
        RemotingCommand.response(.systemError, to: 7, remark: "no topic \(garbage)")
            .encode(into: &bytes, as: serialization)
        #expect(bytes.readableBytes < 20_000)
        bytes.moveReaderIndex(forwardBy: 4)
        let answer = try ReceivedCommand(frame: bytes)
        #expect(answer.opaque == 7)
        #expect(answer.remark?.hasPrefix("no topic ") == true)
    }

    @Test("a header that no frame can hold becomes an error, not a trap")
    func header() throws {
        let value = String(repeating: "\u{1}", count: 3 << 20)
        var bytes = ByteBuffer()
        RemotingCommand.response(.success, to: 7, fields: ["value": value]).encode(into: &bytes)
        bytes.moveReaderIndex(forwardBy: 4)
        #expect(try ReceivedCommand(frame: bytes).code == ResponseCode.systemError.rawValue)
    }

    @Test("a hundred thousand tags are taken apart in one pass")
    func tags() {
        let expression = (0..<100_000).map { "tag\($0)" }.joined(separator: "||")
        let began = ContinuousClock.now
        let subscription = SubscriptionData(
            topic: "T", expression: expression, expressionType: "TAG", version: 1)
        #expect(subscription.tags.count == 100_000)
        #expect(ContinuousClock.now - began < .seconds(10))
    }
}
