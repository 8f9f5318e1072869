import Testing

@testable import ConfigurationFormat

@Suite("sizes and times have units")
struct UnitTextTests {
    @Test(
        "a time has a unit, or that of its key",
        arguments: [
            ("500ms", 500), ("10s", 10_000), ("3m", 180_000), ("72h", 259_200_000),
            ("2d", 172_800_000), ("10 s", 10_000), ("7", 7_000), ("0", 0),
        ])
    func times(text: String, milliseconds: Int64) {
        #expect(DurationText.parse(text, plain: .seconds) == .milliseconds(milliseconds))
    }

    @Test(
        "what is no time is told apart",
        arguments: [
            "", "s", "-1s", "1.5s", "10 ", "10S", "10min", "10  s", "1e3", "+1", "٣s",
            "9223372036854775807d", "9223372036854775808",
        ])
    func wrongTimes(text: String) {
        #expect(DurationText.parse(text, plain: .seconds) == nil)
    }

    @Test(
        "a size has a unit, or is in bytes",
        arguments: [
            ("4096", 4_096), ("1B", 1), ("64KiB", 65_536), ("256MiB", 268_435_456),
            ("1GiB", 1_073_741_824), ("1 TiB", 1_099_511_627_776), ("0", 0),
        ])
    func sizes(text: String, bytes: Int64) {
        #expect(SizeText.parse(text) == bytes)
    }

    @Test(
        "units of which nobody knows what they mean are refused",
        arguments: ["64MB", "64M", "64mib", "1.5GiB", "-1", "", "MiB", "8388608TiB"])
    func wrongSizes(text: String) {
        #expect(SizeText.parse(text) == nil)
    }

    @Test("what is shown is exact, and read back")
    func shown() {
        for (milliseconds, text): (Int64, String) in [
            (0, "0s"), (1, "1ms"), (1_500, "1500ms"), (6_000, "6s"), (90_000, "90s"),
            (259_200_000, "3d"), (90_000_000, "25h"),
        ] {
            #expect(DurationText.text(.milliseconds(milliseconds)) == text)
            #expect(DurationText.parse(text, plain: .days) == .milliseconds(milliseconds))
        }
        for (bytes, text): (Int64, String) in [
            (0, "0"), (1_000, "1000"), (1_024, "1KiB"), (1_536, "1536"), (268_435_456, "256MiB"),
            (3 << 40, "3TiB"),
        ] {
            #expect(SizeText.text(bytes) == text)
            #expect(SizeText.parse(text) == bytes)
        }
    }
}
