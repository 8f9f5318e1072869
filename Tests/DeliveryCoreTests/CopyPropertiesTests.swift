import DeliveryCore
import MessageFormat
import Testing

@Suite("What messages carry that a broker puts into the log again")
struct CopyPropertiesTests {
    @Test(
        "the promise goes, everything else stays as it is",
        arguments: [
            (
                "APUS_SEQ\u{1}5\u{2}APUS_SEQ_DONE\u{1}4\u{2}K\u{1}v\u{2}",
                "APUS_SEQ\u{1}5\u{2}K\u{1}v\u{2}"
            ),
            ("K\u{1}v\u{2}APUS_SEQ_DONE\u{1}4", "K\u{1}v\u{2}"),
            ("APUS_SEQ_DONE_X\u{1}4\u{2}APUS_SEQ_DONE\u{1}4\u{2}", "APUS_SEQ_DONE_X\u{1}4\u{2}"),
        ])
    func withoutPromise(properties: String, expected: String) {
        let kept = Array(properties.utf8).withUnsafeBytes { IdempotentStamp.withoutPromise($0) }
        #expect(String(decoding: kept, as: UTF8.self) == expected)
    }

    @Test("a half message names where it goes and who decides; delivered it is not half any more")
    func half() {
        var sent = MessageProperties()
        sent["TRAN_MSG"] = "true"
        sent["UNIQ_KEY"] = "K1"
        let queue = QueueKey(topic: "T", queueID: 3)
        let half = HalfProperties.prepared(sent, for: queue, by: "header")
        #expect(half["PGROUP"] == "header")
        #expect(half["__transactionId__"] == "K1")
        #expect(HalfProperties.queue(of: half) == queue)
        let committed = HalfProperties.committed(half)
        #expect(committed["TRAN_MSG"] == nil)
        #expect(committed.encoded.utf8.count <= half.encoded.utf8.count + HalfProperties.growthMax)
        sent["PGROUP"] = "own"
        #expect(HalfProperties.prepared(sent, for: queue, by: "header")["PGROUP"] == "own")
    }

    @Test("damaged places lead nowhere", arguments: ["-1", "x", ""])
    func damaged(queueID: String) {
        var half = MessageProperties()
        half["REAL_TOPIC"] = "T"
        half["REAL_QID"] = queueID
        #expect(HalfProperties.queue(of: half) == nil)
    }
}
