import MessageFormat
import Testing

@testable import LogCore

/// Method: two full segments of 1 MiB and one that is written; 256 KiB in each step.
@Suite("Reading full segments through")
struct ScrubTests {
    private static let segmentBytes = 1 << 20
    private var scrub = Scrub(bytesPerSecond: 1 << 20, pause: .seconds(20), from: .zero)
    private var segments = SegmentMap()

    init() {
        for (number, state) in [SegmentMap.State.sealed, .sealed, .active].enumerated() {
            let base = PhysicalOffset(Int64(number * Self.segmentBytes))
            self.segments.append(
                .init(
                    base: base, state: state, youngest: Timestamp(milliseconds: 0),
                    snapshotEnd: base, end: number == 0 ? PhysicalOffset(1_000_000) : nil))
        }
    }

    private mutating func next(atMilliseconds time: Int) -> Scrub.Stretch? {
        self.scrub.next(
            of: self.segments, segmentBytes: Self.segmentBytes, at: Tick(.milliseconds(time)))
    }

    @Test("goes from the oldest to the youngest full one at its rate, waits, and begins again")
    mutating func wholePass() throws {
        #expect(self.next(atMilliseconds: 4_999) == nil, "not while the broker starts")
        var time = 5_000
        var read: [Int64] = []
        while let stretch = self.next(atMilliseconds: time) {
            #expect(self.next(atMilliseconds: time + 100_000) == nil, "one at a time")
            read.append(stretch.from.bytes)
            let next = min(stretch.end, stretch.from.advanced(by: 256 << 10))
            self.scrub.read(stretch, upTo: next, at: Tick(.milliseconds(time)))
            #expect(self.next(atMilliseconds: time + 200) == nil, "256 KiB take 250 ms")
            time += 250
        }
        #expect(read == [0, 262_144, 524_288, 786_432, 1_048_576, 1_310_720, 1_572_864, 1_835_008])
        #expect(self.next(atMilliseconds: time + 19_000) == nil)
        #expect(self.next(atMilliseconds: time + 21_000)?.from == .zero)
    }

    @Test("does not read on in a segment in which it found damage, nor in one that is gone")
    mutating func skips() throws {
        let begun = self.next(atMilliseconds: 60_000)
        let first = try #require(begun)
        self.scrub.read(first, upTo: first.end, at: Tick(.seconds(60)))
        let followed = self.next(atMilliseconds: 70_000)
        let second = try #require(followed)
        #expect(second.from.bytes == 1 << 20)
        self.scrub.read(second, upTo: PhysicalOffset(1_100_000), at: Tick(.seconds(70)))
        self.segments.removeOldest()
        #expect(self.next(atMilliseconds: 80_000)?.from.bytes == 1_100_000)
    }

    @Test("reads nothing when it is off")
    mutating func off() {
        self.scrub = Scrub(bytesPerSecond: 0, pause: .seconds(20), from: .zero)
        #expect(self.next(atMilliseconds: 10_000_000) == nil)
    }
}
