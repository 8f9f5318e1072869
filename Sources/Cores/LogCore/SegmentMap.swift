private import DequeModule
package import MessageFormat

/// The segments that exist, oldest first, and what becomes of them.
///
/// `active` → `sealing` (the log went on elsewhere; the index file is being made) → `sealed`
/// (index file on disk) → gone.
package struct SegmentMap: Sendable {
    package enum State: Hashable, Sendable { case active, sealing, sealed }

    package struct Segment: Hashable, Sendable {
        package var base: PhysicalOffset
        package var state: State
        /// Store time of its youngest message.
        package var youngest: Timestamp
        /// Where its opening snapshot ends.
        package var snapshotEnd: PhysicalOffset
        /// Behind its last batch. Nil while the log is in it, and when nothing on disk says so.
        package var end: PhysicalOffset?

        package init(
            base: PhysicalOffset, state: State, youngest: Timestamp, snapshotEnd: PhysicalOffset,
            end: PhysicalOffset? = nil
        ) {
            self.base = base
            self.state = state
            self.youngest = youngest
            self.snapshotEnd = snapshotEnd
            self.end = end
        }
    }

    private var segments: Deque<Segment> = []

    package init() {}

    package var all: [Segment] { Array(self.segments) }
    package var oldest: Segment? { self.segments.first }
    package var active: Segment? { self.segments.last }
    /// Segments whose entries are in memory, the one that is written included.
    package var unsealed: [PhysicalOffset] {
        self.segments.filter { $0.state != .sealed }.map(\.base)
    }
    /// Start of the youngest segment that is known by its index file.
    package var lastSealed: PhysicalOffset? {
        self.segments.last { $0.state == .sealed }?.base
    }

    package mutating func append(_ segment: Segment) {
        precondition(
            self.segments.last.map { $0.base < segment.base } ?? true,
            "segments come in the order of their positions")
        self.segments.append(segment)
    }

    /// The log goes on in the next segment; the last batch of the active one ended here.
    package mutating func left(at end: PhysicalOffset) {
        guard let last = self.segments.indices.last else { return }
        self.segments[last].end = end
    }

    /// Behind the last batch of the segment at `base`, as far as that is known.
    package func end(of base: PhysicalOffset) -> PhysicalOffset? {
        self.segments.first { $0.base == base }?.end
    }

    /// Store time of the youngest message of the segment at `base`.
    package func youngest(of base: PhysicalOffset) -> Timestamp? {
        self.segments.first { $0.base == base }?.youngest
    }

    package mutating func touched(_ base: PhysicalOffset, at time: Timestamp) {
        guard let last = self.segments.indices.last, self.segments[last].base == base else {
            return
        }
        self.segments[last].youngest = max(self.segments[last].youngest, time)
    }

    /// The segment whose index file is to be made next: the oldest that has none, once the log has
    /// left it and the opening snapshot of the segment behind it is durable. One at a time, so that
    /// a queue's runs are sealed in order, and never so early that a crash could leave the log
    /// without any snapshot.
    package func nextToSeal(durable: PhysicalOffset) -> PhysicalOffset? {
        var index = self.segments.count - 1
        while index > 0, self.segments[index - 1].state != .sealed { index -= 1 }
        guard index + 1 < self.segments.count, self.segments[index].state == .active,
            self.segments[index + 1].snapshotEnd <= durable
        else { return nil }
        return self.segments[index].base
    }

    package mutating func setState(_ state: State, of base: PhysicalOffset) {
        guard let index = self.segments.firstIndex(where: { $0.base == base }) else { return }
        self.segments[index].state = state
    }

    package mutating func removeOldest() { _ = self.segments.popFirst() }
}

/// Decides which segments are old enough, or in the way, and may go.
package struct Retention: Sendable {
    /// Messages are kept at least this long (RocketMQ's `fileReservedTime`).
    package var age: Duration = .seconds(72 * 3600)
    /// Above this share of the disk in use the oldest segments go whatever their age
    /// (RocketMQ's `diskMaxUsedSpaceRatio`).
    package var diskUsedRatioMax = 0.85

    package init() {}

    /// Whether the oldest segment may be deleted now. Only sealed ones ever are, one at a time.
    package func mayDelete(
        _ segment: SegmentMap.Segment, at now: Timestamp, diskUsedRatio: Double
    ) -> Bool {
        guard segment.state == .sealed else { return false }
        let ageMilliseconds = self.age.components.seconds * 1_000
        return diskUsedRatio > self.diskUsedRatioMax
            || now.milliseconds - segment.youngest.milliseconds > ageMilliseconds
    }
}
