import MessageFormat
import Testing

@testable import apus

@Suite("times as people write them")
struct TimeTextTests {
    private let now = Timestamp(milliseconds: 1_795_223_568_786)

    @Test(
        "ISO 8601",
        arguments: [
            ("1970-01-01", 0), ("1970-01-01T00:00", 0), ("1970-01-02T00:00:01.250Z", 86_401_250),
            ("2000-02-29T12:00:00Z", 951_825_600_000),
            ("2026-11-21T01:12:48.786Z", 1_795_223_568_786),
            ("2026-11-21T03:12:48.786+02:00", 1_795_223_568_786),
            ("2026-11-20T20:12:48.786-05", 1_795_223_568_786),
            ("9999-12-31T23:59:59Z", 253_402_300_799_000),
        ])
    func iso(text: String, milliseconds: Int64) {
        #expect(TimeText.parse(text, now: self.now)?.milliseconds == milliseconds)
    }

    @Test(
        "an age lies before now",
        arguments: [("500ms", 0), ("90s", 90), ("10m", 600), ("2d", 172_800)])
    func age(text: String, seconds: Int64) {
        let time = TimeText.parse(text, now: self.now)
        let expected = self.now.milliseconds - seconds * 1000
        // Ages below a second do not matter to anyone.
        #expect(time?.milliseconds == expected)
    }

    @Test("milliseconds since 1970")
    func epoch() {
        #expect(TimeText.parse("1795223568786", now: self.now) == self.now)
    }

    @Test(
        "nonsense is refused",
        arguments: [
            "", "yesterday", "12", "2026-13-01", "2026-00-01", "2026-11-32", "2026-11-21T25:00",
            "2026-11-21T10", "2026-11-21T10:61", "10x", "-5m", "2026-11-21T10:00+",
            "99999999999999h",
        ])
    func nonsense(text: String) {
        #expect(TimeText.parse(text, now: self.now) == nil)
    }

    @Test(
        "what is shown can be read again",
        arguments: Array(stride(from: Int64(0), to: 4_102_444_800_000, by: 86_399_999_999)))
    func roundTrip(milliseconds: Int64) {
        let time = Timestamp(milliseconds: milliseconds)
        #expect(TimeText.parse(TimeText.text(time), now: self.now) == time)
    }

    @Test("a time looks like this")
    func example() {
        #expect(TimeText.text(self.now) == "2026-11-21T01:12:48.786Z")
    }
}
