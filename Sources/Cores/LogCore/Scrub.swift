package import MessageFormat

/// Decides which part of the full segments is read next, so that rot is found before somebody asks
/// for what rotted. From the oldest segment to the youngest, then a pause, then again.
package struct Scrub: Sendable {
    package struct Stretch: Hashable, Sendable {
        package let from: PhysicalOffset
        /// Behind the segment's last batch, or behind the segment when that is not known.
        package let end: PhysicalOffset
        package let bytesMax: Int
    }

    /// 0: nothing is read.
    private let bytesPerSecond: Int
    /// Where reading goes on; nil: at the oldest segment.
    private var position: PhysicalOffset?
    private var isReading = false
    private var notBefore: Tick

    /// Small, because clients' reads wait for the same disk.
    private static let stretchBytes = 256 << 10
    /// Between two times through all segments.
    private let pause: Duration

    /// Begins after a quarter of the pause: what rotted while the broker was down is found soon.
    package init(bytesPerSecond: Int, pause: Duration, from now: Tick) {
        self.bytesPerSecond = bytesPerSecond
        self.pause = pause
        self.notBefore = now + pause / 4
    }

    /// What to read now; nil when it is not time, or there is nothing. One at a time.
    package mutating func next(
        of segments: SegmentMap, segmentBytes: Int, at now: Tick
    ) -> Stretch? {
        guard self.bytesPerSecond > 0, !self.isReading, now >= self.notBefore else { return nil }
        let found = segments.all.first { segment in
            segment.state == .sealed
                && self.position.map { $0 < Self.end(of: segment, segmentBytes) } ?? true
        }
        guard let segment = found else {
            self.position = nil
            self.notBefore = now + self.pause
            return nil
        }
        self.isReading = true
        return Stretch(
            from: max(segment.base, self.position ?? segment.base),
            end: Self.end(of: segment, segmentBytes), bytesMax: Self.stretchBytes)
    }

    private static func end(of segment: SegmentMap.Segment, _ bytes: Int) -> PhysicalOffset {
        segment.end ?? segment.base.advanced(by: bytes)
    }

    /// The stretch was sound up to `next`, or nothing behind it in its segment is looked at.
    package mutating func read(
        _ stretch: Stretch, upTo next: PhysicalOffset, at now: Tick
    ) {
        self.isReading = false
        self.position = next
        // What is skipped at a segment's end was not read.
        let bytes = min(max(0, next.distance(from: stretch.from)), 4 * Self.stretchBytes)
        self.notBefore =
            now + .nanoseconds(Int64(bytes) * 1_000_000_000 / Int64(max(1, self.bytesPerSecond)))
    }
}
