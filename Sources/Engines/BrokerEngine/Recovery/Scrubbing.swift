import LogCore
package import MessageFormat
import RemotingProtocol
import ReplicationCore
import ReplicationProtocol

// Rot in the log's segments: looked for, and told to operators. What a group does about it is in
// `Group/Repairing`.
extension BrokerEngine {
    /// Time has passed.
    mutating func tendSegments() {
        if let stretch = self.scrub.next(
            of: self.segments, segmentBytes: self.settings.log.segmentBytes, at: self.now.tick)
        {
            self.effects.append(.keepSegments(.scrub(stretch)))
        }
        if let base = self.repair.nextToExamine(at: self.now.tick) {
            let segment = self.segments.all.first { $0.base == base }
            self.effects.append(
                .keepSegments(
                    .examine(
                        base, end: segment?.end,
                        isFull: segment.map { $0.state == .sealed } ?? false)))
        }
        self.repairNext()
    }

    /// Somebody read bytes at `position` that are not what was stored there.
    package mutating func foundRotten(at position: PhysicalOffset, at now: Now) {
        self.now = now
        self.suspect(position)
    }

    mutating func suspect(_ position: PhysicalOffset) {
        let segmentBytes = Int64(self.settings.log.segmentBytes)
        let base = PhysicalOffset(position.bytes - position.bytes % segmentBytes)
        guard self.segments.all.contains(where: { $0.base == base }) else { return }
        self.repair.suspect(base)
    }

    /// The shell has done, or could not do, what was asked by `keepSegments`.
    package mutating func segmentWorkDone(_ outcome: SegmentOutcome, at now: Now) {
        self.now = now
        guard self.group?.isOver != true else { return }
        switch outcome {
        case .scrubbed(let stretch, let result): self.scrubbed(stretch, result)
        case .examined(let base, let ranges): self.examined(base, ranges)
        case .lent(let link, let range, let result): self.lent(link, range, result)
        case .written(let failure): self.wroteCopy(failure)
        case .finished(let base, let failure): self.finishedCopy(of: base, failure)
        }
    }

    private mutating func scrubbed(
        _ stretch: Scrub.Stretch, _ result: Result<PhysicalOffset, ReadFailure>
    ) {
        let isThere = self.segments.oldest.map { $0.base <= stretch.from } ?? false
        var next = stretch.end
        if case .success(let sound) = result { next = sound }
        self.scrub.read(stretch, upTo: next, at: self.now.tick)
        if case .failure = result, isThere { self.suspect(stretch.from) }
    }

    private mutating func examined(
        _ base: PhysicalOffset, _ ranges: [Range<PhysicalOffset>]
    ) {
        let isFull = self.segments.all.first { $0.base == base }?.state == .sealed
        // What nobody has confirmed yet, a crash may have torn.
        let sure = isFull ? ranges : ranges.filter { $0.upperBound <= self.progress.confirmed }
        guard self.repair.examined(base, sure) else { return }
        let text = sure.map { "\($0.lowerBound.bytes) to \($0.upperBound.bytes)" }
            .joined(separator: ", ")
        self.effects.append(
            .warn(
                "the log is damaged on this disk from \(text): "
                    + (self.group == nil
                        ? "messages that were there cannot be served"
                        : "it is to be mended with what another broker of the group has")))
    }
}
