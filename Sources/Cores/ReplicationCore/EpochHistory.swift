package import MessageFormat

/// Where in the log each epoch began, as far back as it is known.
///
/// One master writes in one epoch, so two logs that have the same epoch begin at the same place
/// hold the same bytes from there to the nearer of that epoch's two ends: this is how a replica
/// finds what it shares with its master ("replicas converge by epoch, then offset").
///
/// Invariant: epochs and starts both rise.
package struct EpochHistory: Hashable, Sendable {
    /// More are never kept nor accepted; the oldest go first.
    package static let countMax = 4_096

    package private(set) var starts: [EpochStart] = []

    package init() {}

    /// A history that somebody else tells; nil when it makes no sense.
    package init?(checking starts: [EpochStart]) {
        guard starts.count <= Self.countMax else { return nil }
        for (earlier, later) in zip(starts, starts.dropFirst()) {
            guard earlier.epoch < later.epoch, earlier.start < later.start else { return nil }
        }
        guard starts.first.map({ $0.start >= .zero }) ?? true else { return nil }
        self.starts = starts
    }

    package var latest: Epoch { self.starts.last?.epoch ?? Epoch(0) }

    /// A batch of this epoch lies at `position`. Batches come in the order of the log.
    package mutating func note(_ epoch: Epoch, at position: PhysicalOffset) {
        guard epoch > self.latest else { return }
        self.starts.append(EpochStart(epoch: epoch, start: position))
        if self.starts.count > Self.countMax { self.starts.removeFirst() }
    }

    /// What a segment's opening snapshot says about the time before it.
    package mutating func merge(_ earlier: EpochHistory) {
        var merged = Dictionary(uniqueKeysWithValues: self.starts.map { ($0.epoch, $0.start) })
        for known in earlier.starts {
            merged[known.epoch] = min(merged[known.epoch] ?? known.start, known.start)
        }
        self.starts = merged.map { EpochStart(epoch: $0.key, start: $0.value) }
            .sorted { $0.epoch < $1.epoch }
    }

    /// Up to where a log of this history that ends at `end` is the same as another one; nil when
    /// nothing is known to be the same.
    package func sharedEnd(
        end: PhysicalOffset, with other: EpochHistory, otherEnd: PhysicalOffset
    ) -> PhysicalOffset? {
        for index in self.starts.indices.reversed() {
            guard let twin = other.starts.firstIndex(of: self.starts[index]) else { continue }
            return min(self.end(of: index, log: end), other.end(of: twin, log: otherEnd))
        }
        return nil
    }

    /// The epoch of the batch at `position`; nil before the first that is known.
    package func epoch(at position: PhysicalOffset) -> Epoch? {
        self.starts.last { $0.start <= position }?.epoch
    }

    private func end(of index: Int, log end: PhysicalOffset) -> PhysicalOffset {
        index + 1 < self.starts.count ? self.starts[index + 1].start : end
    }
}
