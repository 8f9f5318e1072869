private import DequeModule
package import MessageFormat

/// How long the disk will last at the pace of the last half hour.
///
/// Segments are prepared ahead, so free space falls in steps; a long look back evens them out.
package struct DiskForecast: Sendable {
    private struct Sample {
        var at: Tick
        var bytesFree: Int64
    }

    private static let lookBack = Duration.seconds(1_800)
    private static let sampleInterval = Duration.seconds(15)
    /// A shorter look says nothing.
    private static let lookMin = Duration.seconds(60)

    private var samples: Deque<Sample> = []

    package init() {}

    /// The disk was looked at. Cheap, however often it is.
    package mutating func note(bytesFree: Int64, at now: Tick) {
        if let last = self.samples.last, now - last.at < Self.sampleInterval { return }
        self.samples.append(Sample(at: now, bytesFree: bytesFree))
        while let first = self.samples.first, now - first.at > Self.lookBack {
            self.samples.removeFirst()
        }
    }

    /// Seconds until nothing is free; infinite while it does not shrink. Nil: too early to tell.
    package var secondsUntilFull: Double? {
        guard let first = self.samples.first, let last = self.samples.last,
            last.at - first.at >= Self.lookMin
        else { return nil }
        let shrunk = Double(first.bytesFree - last.bytesFree)
        guard shrunk > 0 else { return .infinity }
        let seconds = (last.at - first.at) / .seconds(1)
        return Double(max(0, last.bytesFree)) * seconds / shrunk
    }
}
