import Testing

@testable import ApusClient

@Suite("trace records")
struct TraceRecordTests {
    private static let records: [TraceRecord] = [
        .sent(
            .init(
                timestamp: 1, region: "R", group: "P", topic: "T", messageID: "ID", tag: "A",
                keys: "k1 k2", storeHost: "127.0.0.1:10911", bodyBytes: 3, milliseconds: 4,
                kind: .delayed, offsetMessageID: "OFFSET")),
        .received(
            .init(
                timestamp: 2, region: "", group: "G", requestID: "REQ", messageID: "ID",
                reconsumeTimes: 1, keys: "k")),
        .handled(
            .init(
                requestID: "REQ", messageID: "ID", milliseconds: 5, succeeded: false, keys: "",
                outcome: .threw, timestamp: 9, group: "G")),
        .transactionEnded(
            .init(
                timestamp: 3, region: "R", group: "P", topic: "T", messageID: "ID",
                storeHost: "127.0.0.1:10911", transactionID: "TX", outcome: .rollback,
                wasAsked: true)),
        .recalled(
            .init(
                timestamp: 6, region: "R", group: "P", topic: "T", messageID: "ID",
                succeeded: true)),
    ]

    @Test("all that is written is read, one after the other")
    func roundTrip() {
        let text = Self.records.map(\.text).joined()
        #expect(TraceRecord.records(in: Array(text.utf8)) == Self.records)
    }

    @Test("the form is the one that other tools read")
    func form() {
        #expect(
            Self.records[0].text
                == "Pub\u{1}1\u{1}R\u{1}P\u{1}T\u{1}ID\u{1}A\u{1}k1 k2\u{1}127.0.0.1:10911\u{1}3"
                + "\u{1}4\u{1}3\u{1}OFFSET\u{1}true\u{2}")
        #expect(
            Self.records[2].text
                == "SubAfter\u{1}REQ\u{1}ID\u{1}5\u{1}false\u{1}null\u{1}2\u{1}9\u{1}G\u{2}")
    }

    @Test("records of other clients have more fields, or fewer")
    func others() {
        // With the address of the client at the end.
        let more = "SubBefore\u{1}2\u{1}null\u{1}G\u{1}REQ\u{1}ID\u{1}1\u{1}k\u{1}10.0.0.1\u{2}"
        #expect(TraceRecord.records(in: Array(more.utf8)) == [Self.records[1]])
        // Without the time and the group.
        let fewer = "SubAfter\u{1}REQ\u{1}ID\u{1}5\u{1}true\u{1}null\u{1}0\u{2}"
        guard case .handled(let handled)? = TraceRecord.records(in: Array(fewer.utf8)).first
        else {
            Issue.record("an old record is not read")
            return
        }
        #expect(handled.succeeded && handled.timestamp == nil && handled.group == nil)
    }

    @Test(
        "what is no record is left out, and what is around it read",
        arguments: ["", "Nonsense\u{1}1", "Pub", "Pub\u{1}x\u{1}y", "\u{1}\u{1}", "Sub\u{FFFD}"])
    func nonsense(text: String) {
        let body = text + "\u{2}" + Self.records[1].text + text
        #expect(TraceRecord.records(in: Array(body.utf8)) == [Self.records[1]])
    }
}
