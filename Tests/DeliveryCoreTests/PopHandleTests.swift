import DeliveryCore
import MessageFormat
import Testing

@Suite("Handles of popped messages")
struct PopHandleTests {
    private static let text = "100 1700000000000 60000 2 1 broker-a 3 105"

    @Test("a handle is read and written with all its fields")
    func roundTrip() throws {
        let handle = try PopHandle(parsing: Self.text)
        #expect(
            handle
                == PopHandle(
                    checkpoint: QueueOffset(100),
                    popTime: Timestamp(milliseconds: 1_700_000_000_000), invisibleTime: 60_000,
                    reviveQueue: 2, kind: .retry, brokerName: "broker-a", queueID: 3,
                    offset: QueueOffset(105)))
        #expect(handle.text == Self.text)
        #expect(!handle.isOrdered)
        #expect(try PopHandle(parsing: "0 1 0 999 0 b 0 0").isOrdered)
    }

    @Test(
        "what is no handle is refused with a reason",
        arguments: [
            ("", "1 fields"), ("1 2 3 4 0 b 5", "7 fields"), ("1 2 3 4 0 b 5 6 7", "9 fields"),
            ("1 2 3 4 3 b 5 6", "kind"), ("1 2 3 4 -1 b 5 6", "kind"), ("1 2 3 4 0  5 6", "broker"),
            ("x 2 3 4 0 b 5 6", "start offset"), ("-1 2 3 4 0 b 5 6", "start offset"),
            ("1 -2 3 4 0 b 5 6", "pop time"), ("1 2 x 4 0 b 5 6", "invisible time"),
            ("1 2 3 99999999999 0 b 5 6", "revive queue"), ("1 2 3 4 0 b -5 6", "queue id"),
            ("1 2 3 4 0 b 5 9223372036854775808", "offset"), ("1 2 3 4 0 b 5 6\u{0}", "offset"),
            (String(repeating: "1 ", count: 300), "512 bytes"),
        ])
    func refusals(text: String, reason: String) {
        do throws(PopHandleError) {
            _ = try PopHandle(parsing: text)
            Issue.record("\(text) was taken")
        } catch {
            #expect(error.problem.contains(reason), "\(error.problem)")
        }
    }

    @Test("a handle is shown for its own queue and offset only")
    func mismatch() throws {
        let handle = try PopHandle(parsing: Self.text)
        #expect(handle.problem(queueID: 3, offset: QueueOffset(105)) == nil)
        #expect(handle.problem(queueID: 4, offset: QueueOffset(105))?.contains("queueId 4") == true)
        #expect(handle.problem(queueID: 3, offset: QueueOffset(100))?.contains("100") == true)
    }

    @Test("the answer's fields name each kind and queue once")
    func responseInfo() {
        var info = PopResponseInfo()
        #expect(info.isEmpty && info.startOffsetInfo == "")
        info.add(.retry, queueID: 0, offsets: [QueueOffset(7)])
        info.add(.normal, queueID: 3, offsets: [QueueOffset(100), QueueOffset(102)])
        info.add(.normal, queueID: 3, offsets: [QueueOffset(103)])
        info.add(.normal, queueID: 4, offsets: [])
        #expect(info.startOffsetInfo == "1 0 7;0 3 100")
        #expect(info.messageOffsetInfo == "1 0 7;0 3 100,102")
        #expect(info.orderCountInfo == "")
    }

    /// Earlier deliveries of offsets 5, 6, …, and the field.
    @Test(
        "the field of delivery counts has an entry for each repeat and one for the queue",
        arguments: [
            ([0, 0], "0 2 0"), ([1, 1], "0 qo2%5 1;0 qo2%6 1;0 2 1"), ([2, 0], "0 qo2%5 2;0 2 0"),
            ([3], "0 qo2%5 3;0 2 3"),
        ] as [([Int32], String)])
    func orderCounts(counts: [Int32], field: String) {
        var info = PopResponseInfo()
        let counts = counts.enumerated().map {
            PopOrderCount(offset: QueueOffset(5 + Int64($0)), deliveredBefore: $1)
        }
        info.add(orderCounts: counts, .normal, queueID: 2)
        #expect(info.orderCountInfo == field)
    }

    @Test(
        "a batch acknowledgement's bits are offsets from its start on",
        arguments: [
            ("CQI=", [100, 103, 109]), ("AQ==", [100]), ("AQ", [100]), ("", []),
            ("AAAAgA==", [131]), ("A", []), ("C!I=", nil), ("C=I=", nil), ("=", nil),
            (String(repeating: "A", count: 30_000), nil),
        ] as [(String, [Int64]?)])
    func bits(text: String, offsets: [Int64]?) {
        #expect(
            PopBitSet.offsets(base64: text, from: QueueOffset(100))?.map(\.value) == offsets)
        #expect(PopBitSet.offsets(base64: text, from: QueueOffset(-1)) == nil)
        #expect(PopBitSet.offsets(base64: text, from: QueueOffset(.max)) == nil)
    }

    @Test("messages return to one retry topic, however often")
    func topics() {
        #expect(PopTopic.comesBackTo(group: "G", stored: "T") == "%RETRY%G_T")
        #expect(PopTopic.comesBackTo(group: "G", stored: "%RETRY%G_T") == "%RETRY%G_T")
        #expect(PopTopic.stored(group: "G", topic: "T", kind: .normal) == "T")
        #expect(PopTopic.stored(group: "G", topic: "T", kind: .retry) == "%RETRY%G_T")
        #expect(PopTopic.stored(group: "G", topic: "T", kind: .retryPlus) == "%RETRY%G+T")
        #expect(PopTopic.stored(group: "G", topic: "%RETRY%G_T", kind: .retry) == "%RETRY%G_T")
        #expect(PopTopic.problem(group: "G", topic: "T") == nil)
        let long = String(repeating: "x", count: 127)
        #expect(PopTopic.problem(group: long, topic: long)?.contains("262 bytes") == true)
    }

    @Test("a message that returns remembers its first pop and keeps the rest")
    func returning() {
        var properties = MessageProperties()
        properties["UNIQ_KEY"] = "k"
        properties["POP_CK"] = Self.text
        let first = PopReturn.properties(of: properties, poppedAt: Timestamp(milliseconds: 5))
        #expect(first.encoded == "UNIQ_KEY\u{1}k\u{2}1ST_POP_TIME\u{1}5\u{2}")
        let second = PopReturn.properties(of: first, poppedAt: Timestamp(milliseconds: 9))
        #expect(second == first)
    }
}
