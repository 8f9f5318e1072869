package import LogCore
package import MessageFormat
package import ReplicationProtocol

/// Reading and mending of full segments, beside everything else. The shell carries it out on
/// another thread, in the order in which it was asked for and of all other changes of the log's
/// files, and calls `segmentWorkDone`.
package enum SegmentWork: Sendable {
    /// Read on, whether it is still sound.
    case scrub(Scrub.Stretch)
    /// Find what is damaged in a segment. `end` is behind its last batch, if that is known;
    /// `isFull`: the log went on elsewhere.
    case examine(PhysicalOffset, end: PhysicalOffset?, isFull: Bool)
    /// Read whole batches for a replica that has lost them.
    case lend(LinkID, Range<PhysicalOffset>, bytesMax: Int)
    /// Put bytes into the copy that will take the segment's place; the first ones begin it.
    case write([UInt8], at: PhysicalOffset, base: PhysicalOffset, isFirst: Bool)
    /// Put what is sound of the segment into the copy, check all of it, and put it in place.
    case finish(
        base: PhysicalOffset, mended: [Range<PhysicalOffset>], end: PhysicalOffset?, isFirst: Bool)
}

package enum SegmentOutcome: Sendable {
    case scrubbed(Scrub.Stretch, Result<PhysicalOffset, ReadFailure>)
    case examined(PhysicalOffset, [Range<PhysicalOffset>])
    case lent(LinkID, Range<PhysicalOffset>, Result<LogRead, ReadFailure>)
    case written(ReadFailure?)
    case finished(base: PhysicalOffset, ReadFailure?)
}

/// A log whose segments can be read as replicas are fed, and mended.
package protocol MendableLog: LogSource {
    func batches(from: PhysicalOffset, end: PhysicalOffset, bytesMax: Int) throws -> LogRead
    func writeCopy(
        _ bytes: [UInt8], at position: PhysicalOffset, of base: PhysicalOffset, isFirst: Bool
    ) throws
    /// Safe at every instant: the segment is the old one or the new one, and the new one is whole.
    func finishCopy(
        of base: PhysicalOffset, mended: [Range<PhysicalOffset>], end: PhysicalOffset?,
        isFirst: Bool
    ) throws
}

extension SegmentWork {
    /// Does it. What goes wrong is part of the outcome.
    package func carriedOut(in log: some MendableLog) -> SegmentOutcome {
        switch self {
        case .scrub(let stretch):
            .scrubbed(
                stretch,
                Self.catching {
                    try log.batches(
                        from: stretch.from, end: stretch.end, bytesMax: stretch.bytesMax
                    ).next
                })
        case .examine(let base, let end, let isFull):
            .examined(base, log.damagedRanges(of: base, endingAt: end, isFull: isFull))
        case .lend(let link, let range, let bytesMax):
            .lent(
                link, range,
                Self.catching {
                    try log.batches(
                        from: range.lowerBound, end: range.upperBound, bytesMax: bytesMax)
                })
        case .write(let bytes, let position, let base, let isFirst):
            .written(
                Self.failure {
                    try log.writeCopy(bytes, at: position, of: base, isFirst: isFirst)
                })
        case .finish(let base, let mended, let end, let isFirst):
            .finished(
                base: base,
                Self.failure {
                    try log.finishCopy(of: base, mended: mended, end: end, isFirst: isFirst)
                })
        }
    }

    private static func catching<T>(_ body: () throws -> T) -> Result<T, ReadFailure> {
        do { return .success(try body()) } catch {
            return .failure(error as? ReadFailure ?? ReadFailure(reason: "\(error)"))
        }
    }

    private static func failure(_ body: () throws -> Void) -> ReadFailure? {
        if case .failure(let failure) = Self.catching(body) { failure } else { nil }
    }
}

extension LogSource {
    /// Where a segment holds no sound batches, although it held some.
    ///
    /// Behind the last batch of the segment that is being written nothing is known to be missing.
    package func damagedRanges(
        of base: PhysicalOffset, endingAt known: PhysicalOffset?, isFull: Bool
    ) -> [Range<PhysicalOffset>] {
        let end = known ?? base.advanced(by: self.segmentBytes)
        var ranges: [Range<PhysicalOffset>] = []
        var sound = base
        do {
            var from: PhysicalOffset? = base
            while let start = from {
                sound = start
                let result = try self.scan(segment: base, from: start) { _, header in
                    sound = header.position.advanced(by: header.paddedLength)
                }
                from = result.laterValidBatch
                if let later = from {
                    ranges.append(result.end..<later)
                } else if isFull, result.end < end,
                    known != nil || (result.stoppedBy ?? .empty) != .empty
                {
                    ranges.append(result.end..<end)
                }
            }
        } catch {
            if isFull, sound < end { ranges.append(sound..<end) }
        }
        return ranges
    }
}
