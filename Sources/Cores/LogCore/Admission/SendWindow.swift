package import MessageFormat

/// How many bytes may wait between a producer's request and its acknowledgement, so that nobody
/// waits too long.
///
/// Method: a request that finds `n` bytes before it waits as long as disk and replicas take for
/// them (Little's law). One request at a time is followed from its place in the log to its
/// confirmation; what was confirmed meanwhile, over the time it took, is the pace at which the log
/// drains. Of the latest measurements the best one counts.
///
/// A wait within the longest one narrows nothing: a disk whose every flush takes a tenth of a second
/// would get less with each of them, and so seem slower still. After a short wait, of less than
/// half, the window grows to what drains in half of the longest wait; after a longer one it feels
/// its way, an eighth at a time. What waited too long leaves as much as drains in the longest
/// wait. A wait while little was waiting says nothing of the pace: then the window stays.
package struct SendWindow: Sendable {
    package struct Options: Sendable {
        /// The longest that a send should wait for its acknowledgement.
        package var waitMax: Duration = .milliseconds(200)
        /// A disk whose flushes take long needs so much to do something with each of them.
        package var bytesMin = 1 << 20
        /// Before anything was measured.
        package var bytesFirst = 16 << 20
        package var bytesMax = 32 << 20

        package init() {}
    }

    private struct Probe {
        var end: PhysicalOffset
        var since: Tick
        var confirmedThen: PhysicalOffset

        func drained(upTo confirmed: PhysicalOffset) -> Int {
            max(0, confirmed.distance(from: self.confirmedThen))
        }
    }

    private static let pacesMax = 4

    private let options: Options
    /// Half of the longest wait, worked out once: each send asks for it.
    private let target: Duration
    private let targetNanoseconds: Int64
    /// What may wait.
    package private(set) var bytes: Int
    private var probe: Probe?
    /// Bytes that drain in half of the longest wait, as the latest measurements have it.
    private var paces: [Double] = []

    package init(_ options: Options = Options()) {
        self.options = options
        self.target = options.waitMax / 2
        self.targetNanoseconds = Tick(self.target).nanoseconds
        self.bytes = min(options.bytesFirst, options.bytesMax)
    }

    package var waitMax: Duration { self.options.waitMax }
    package var bytesMin: Int { self.options.bytesMin }

    /// A send was put into the log and ends at `end`.
    package mutating func appended(
        upTo end: PhysicalOffset, confirmed: PhysicalOffset, at now: Tick
    ) {
        guard let probe = self.probe else {
            return self.probe = Probe(end: end, since: now, confirmedThen: confirmed)
        }
        guard self.paces.isEmpty,
            now.nanoseconds - probe.since.nanoseconds > self.targetNanoseconds,
            end.distance(from: probe.confirmedThen) >= self.bytes / 4
        else { return }
        // The first one is late: better a guess than as much again.
        self.note(probe.drained(upTo: confirmed), in: now - probe.since)
    }

    /// Everything before `confirmed` is acknowledged.
    package mutating func confirmed(upTo confirmed: PhysicalOffset, at now: Tick) {
        guard let probe = self.probe, probe.end <= confirmed else { return }
        self.probe = nil
        let drained = probe.drained(upTo: confirmed)
        let took = now - probe.since
        if drained >= self.bytes / (took > self.target ? 4 : 2) { self.note(drained, in: took) }
    }

    private mutating func note(_ drained: Int, in time: Duration) {
        if self.paces.count == Self.pacesMax { self.paces.removeFirst() }
        self.paces.append(Double(drained) * (self.target / max(time, .microseconds(1))))
        let wanted = self.wanted(after: time)
        let limited = max(min(wanted, 2 * Double(self.bytes)), Double(self.options.bytesMin))
        self.bytes = Int(min(limited, Double(self.options.bytesMax)))
    }

    private func wanted(after time: Duration) -> Double {
        let bytes = Double(self.bytes)
        // The best of the latest: a disk that hesitated has not become slow.
        let pace = self.paces.max() ?? 0
        if time <= self.target { return max(bytes, pace) }
        if time <= self.options.waitMax { return max(bytes * 9 / 8, pace) }
        if time <= self.options.waitMax * 9 / 8 { return bytes }
        return pace * 2
    }
}
