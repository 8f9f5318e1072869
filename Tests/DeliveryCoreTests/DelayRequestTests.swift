import DeliveryCore
import MessageFormat
import Testing

private let now = Timestamp(milliseconds: 1_700_000_000_123)
private let day = Int64(86_400_000)

@Suite("What a message's properties say about its delay")
struct DelayRequestTests {
    @Test(
        "precedence, clamping and limits",
        arguments: [
            ([:], .success(nil)),
            (["DELAY": "1"], .success(1_000)),
            (["DELAY": "3"], .success(10_000)),
            (["DELAY": "18"], .success(7_200_000)),
            (["DELAY": "19"], .success(7_200_000)),
            (["DELAY": "99999999999"], .success(7_200_000)),
            (["DELAY": "0"], .success(nil)),
            (["DELAY": "-1"], .success(nil)),
            (["DELAY": "soon"], .failure(.notANumber(property: "DELAY", value: "soon"))),
            (["TIMER_DELAY_SEC": "7"], .success(7_000)),
            (["TIMER_DELAY_MS": "7"], .success(7)),
            (["TIMER_DELIVER_MS": "1700000000124"], .success(1)),
            (["TIMER_DELIVER_MS": "1700000000123"], .success(nil)),
            (["TIMER_DELIVER_MS": "-5"], .success(nil)),
            (["TIMER_DELAY_SEC": "0"], .success(nil)),
            (["TIMER_DELAY_SEC": "-9223372036854775808"], .success(nil)),
            // A level wins, and a level that is none leaves the timer its turn.
            (["DELAY": "1", "TIMER_DELAY_SEC": "7"], .success(1_000)),
            (["DELAY": "0", "TIMER_DELAY_SEC": "7"], .success(7_000)),
            (["DELAY": "1", "TIMER_DELAY_SEC": "x"], .success(1_000)),
            (["TIMER_DELAY_SEC": "7", "TIMER_DELAY_MS": "8"], .success(7_000)),
            (["TIMER_DELAY_MS": "8", "TIMER_DELIVER_MS": "1700000009999"], .success(8)),
            (
                ["TIMER_DELAY_MS": "1e3"],
                .failure(.notANumber(property: "TIMER_DELAY_MS", value: "1e3"))
            ),
            (["TIMER_DELAY_MS": "3456000000"], .success(40 * day)),
            (
                ["TIMER_DELAY_MS": "3456000001"],
                .failure(.tooFar(milliseconds: 40 * day + 1, delayMax: 40 * day))
            ),
            (
                ["TIMER_DELAY_SEC": "9223372036854775807"],
                .failure(
                    .tooFar(milliseconds: .max - now.milliseconds, delayMax: 40 * day))
            ),
            (
                ["TIMER_DELIVER_MS": "1699999999999", "TIMER_DEL_UNIQKEY": "T+K"],
                .failure(.cancelTooLate)
            ),
            (
                ["TIMER_DELAY_MS": "8", "TIMER_DEL_UNIQKEY": "TK"], .failure(.illegalCancel("TK"))
            ),
        ] as [([String: String], Result<Int64?, DelayRefusal>)])
    func resolves(texts: [String: String], expected: Result<Int64?, DelayRefusal>) throws {
        let settings = DelaySettings()
        let request = DelayRequest(Self.properties(texts))
        var found: Result<Int64?, DelayRefusal>
        do throws(DelayRefusal) {
            switch try request.resolve(settings, at: now) {
            case .none: found = .success(nil)
            case .deliver(let due): found = .success(due.milliseconds - now.milliseconds)
            case .cancel: found = .success(-1)
            }
        } catch {
            found = .failure(error)
            #expect(error.isIllegalMessage)
            #expect(error.description.contains("timer message illegal"))
        }
        #expect(found == expected)
    }

    @Test("a message can cancel another one that is due at the same time")
    func cancels() throws {
        let request = DelayRequest(
            Self.properties(["TIMER_DELAY_MS": "8", "TIMER_DEL_UNIQKEY": "%RETRY%G+0A"]))
        #expect(
            try request.resolve(DelaySettings(), at: now)
                == .cancel(
                    topic: "%RETRY%G", uniqueKey: "0A",
                    due: Timestamp(milliseconds: now.milliseconds + 8)))
    }

    @Test(
        "with a precision of a second times are cut as RocketMQ cuts them",
        arguments: [
            (1_700_000_005_700, 1_700_000_005_000), (1_700_000_005_000, 1_700_000_004_000),
            (1_700_000_000_900, nil), (1_700_000_001_000, nil),
        ] as [(Int64, Int64?)])
    func rounds(asked: Int64, expected: Int64?) throws {
        var settings = DelaySettings()
        settings.precision = 1_000
        let wish = try DelayRequest(Self.properties(["TIMER_DELIVER_MS": "\(asked)"]))
            .resolve(settings, at: now)
        #expect(wish == expected.map { .deliver(at: Timestamp(milliseconds: $0)) } ?? .none)
    }

    @Test(
        "who asks for a delay is found in the bytes, however they look",
        arguments: [
            ("", false), ("DELAY", false), ("DELAY\u{1}", false), ("DELAY\u{1}3", true),
            ("DELAY\u{1}3\u{2}", true), ("A\u{1}b\u{2}DELAY\u{1}3", true),
            ("DELAY\u{1}3\u{2}DELAY\u{1}0\u{2}", false), ("DELAY\u{1}x", true),
            ("XDELAY\u{1}3", false), ("TIMER_DELAY_SEC\u{1}1\u{2}", true),
            ("TIMER_OUT_MS\u{1}1\u{2}", false), ("\u{2}\u{1}\u{2}\u{1}3", false),
        ])
    func finds(text: String, isDelayed: Bool) {
        let request = Array(text.utf8).withUnsafeBytes { DelayRequest($0) }
        #expect(request.isDelayed == isDelayed)
    }

    @Test("a table of levels is read from its text")
    func levels() throws {
        let standard = "1s 5s 10s 30s 1m 2m 3m 4m 5m 6m 7m 8m 9m 10m 20m 30m 1h 2h"
        #expect(try DelayLevels(parsing: standard) == DelayLevels.standard)
        let own = try DelayLevels(parsing: " 2s\t1d ")
        #expect(own.count == 2)
        #expect(own.delay(ofLevel: 2) == day)
        #expect(own.delay(ofLevel: .max) == day)
        #expect(own.delay(ofLevel: 0) == nil)
    }

    @Test(
        "a table that makes no sense is refused with the reason",
        arguments: [
            ("", .empty), ("1s 0s", .illegalDelay("0s")), ("1", .illegalDelay("1")),
            ("s", .illegalDelay("s")), ("-1s", .illegalDelay("-1s")), ("1w", .illegalDelay("1w")),
            ("43d", .tooLong("43d", daysMax: 42)),
            ("9223372036854775807h", .tooLong("9223372036854775807h", daysMax: 42)),
            (String(repeating: "1s ", count: 65), .tooMany(65, countMax: 64)),
        ] as [(String, DelayLevels.ParsingError)])
    func badLevels(text: String, problem: DelayLevels.ParsingError) {
        #expect(throws: problem) { try DelayLevels(parsing: text) }
    }

    @Test("a parked message tells where it goes and when; its own properties stay")
    func parks() {
        let own = Self.properties(["DELAY": "2", "TIMER_DELAY_SEC": "9", "KEYS": "k"])
        let parked = DelayParking.properties(
            own, topic: "T", queueID: 3, due: Timestamp(milliseconds: 77))
        #expect(parked["TIMER_DELAY_SEC"] == nil, "the level has won")
        #expect(parked["DELAY"] == "2")
        #expect(parked["KEYS"] == "k")
        let bytes = Array(parked.encoded.utf8)
        bytes.withUnsafeBytes {
            #expect(DelayParking.destination(of: $0) == QueueKey(topic: "T", queueID: 3))
            #expect(DelayParking.due(of: $0) == Timestamp(milliseconds: 77))
        }
    }

    @Test(
        "a parked message that names no queue is damaged",
        arguments: [
            "", "REAL_TOPIC\u{1}T\u{2}", "REAL_QID\u{1}1\u{2}",
            "REAL_TOPIC\u{1}T\u{2}REAL_QID\u{1}-1\u{2}", "REAL_TOPIC\u{1}a/b\u{2}REAL_QID\u{1}1",
            "REAL_TOPIC\u{1}T\u{2}REAL_QID\u{1}99999999999",
        ])
    func damaged(text: String) {
        Array(text.utf8).withUnsafeBytes {
            #expect(DelayParking.destination(of: $0) == nil)
            #expect(DelayParking.due(of: $0) == nil)
        }
    }

    @Test(
        "an index entry tells the time, also after the clock was set back",
        arguments: [
            (0, 0), (1, 1), (40 * day, 40 * day), (42 * day, 42 * day), (43 * day, 42 * day),
            (-1, -1), (-6 * day, -6 * day), (.max, 42 * day), (Int64(UInt32.max), 42 * day),
        ] as [(Int64, Int64)])
    func entries(ahead: Int64, told: Int64) {
        let stored = Timestamp(milliseconds: 1_700_000_000_000)
        let (due, overflow) = stored.milliseconds.addingReportingOverflow(ahead)
        let hash = DelayField.tagHash(
            due: Timestamp(milliseconds: overflow ? .max : due), storedAt: stored)
        let entry = IndexEntry(
            position: .zero, size: 1, checksum: 0, tagHash: hash, storeTimestamp: stored)
        #expect(DelayField.due(of: entry).milliseconds == stored.milliseconds + told)
    }

    private static func properties(_ texts: [String: String]) -> MessageProperties {
        var properties = MessageProperties()
        for (name, value) in texts.sorted(by: { $0.key < $1.key }) { properties[name] = value }
        return properties
    }
}
