import Chaos
import Testing

@Suite("a message body describes itself")
struct MessageValueTests {
    private let id = ValueID(client: "r1-p0", sequence: 1234, attempt: 2)

    private func body(size: Int = 200, topic: String = "T") -> [UInt8] {
        MessageValue(id: self.id, topic: topic, size: size).encoded
    }

    @Test(
        "it has the size asked for and names its attempt", arguments: [60, 99, 100, 1024, 70_000])
    func roundTrip(size: Int) {
        let body = self.body(size: size)
        #expect(body.count == size)
        #expect(MessageValue.content(of: body, in: "T") == .value(self.id))
    }

    @Test("too small a size is raised to what the description needs", arguments: 0...60)
    func small(size: Int) {
        let body = self.body(size: size)
        #expect(body.count >= size)
        #expect(body.count < 64)
        #expect(MessageValue.content(of: body, in: "T") == .value(self.id))
    }

    @Test("any flipped bit shows", arguments: 0..<200)
    func flipped(index: Int) {
        var body = self.body()
        body[index] ^= 0x10
        // Damage to the first word makes it look like anybody's message: it is missed as lost.
        switch MessageValue.content(of: body, in: "T") {
        case .corrupt: #expect(index >= 6)
        case .foreign: #expect(index < 6)
        case .value: Issue.record("a flipped bit at \(index) went unnoticed")
        }
    }

    @Test("any truncation shows", arguments: 6..<200)
    func truncated(count: Int) {
        guard case .corrupt = MessageValue.content(of: Array(self.body()[..<count]), in: "T") else {
            Issue.record("a body cut to \(count) bytes went unnoticed")
            return
        }
    }

    @Test("a message in another topic shows")
    func misrouted() {
        guard case .corrupt(_, let problem) = MessageValue.content(of: self.body(), in: "U") else {
            Issue.record("misrouting went unnoticed")
            return
        }
        #expect(problem == "r1-p0/1234/2 was sent to topic T, but read from U")
    }

    @Test("other people's messages are left alone", arguments: ["", "apus", "apus12", "hello"])
    func foreign(text: String) {
        guard case .foreign = MessageValue.content(of: Array(text.utf8), in: "T") else {
            Issue.record("\(text) was taken for ours")
            return
        }
    }

    @Test("ids are parsed strictly", arguments: ["", "a/1", "a/1/2/3", "/1/2", "a/x/2", "a/1/"])
    func ids(text: String) {
        #expect(ValueID(text) == nil)
        #expect(ValueID("r1-p0/1234/2") == self.id)
    }
}
