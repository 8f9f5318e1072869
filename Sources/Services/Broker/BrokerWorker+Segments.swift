package import BrokerEngine
import LogCore
import Logging
package import MessageFormat
import NIOCore
package import Storage

extension LogStore: MendableLog {
    package func batches(
        from: PhysicalOffset, end: PhysicalOffset, bytesMax: Int
    ) throws -> LogRead {
        let read = try self.readStretch(from: from, end: end, bytesMax: bytesMax)
        return LogRead(bytes: read.bytes, position: from, next: read.next)
    }
}

/// The index file of a segment that was just read to its end, if it is not whole.
private struct RottenIndex {
    let base: PhysicalOffset
    let reason: String

    init?(behind outcome: SegmentOutcome, in store: LogStore) {
        guard case .scrubbed(let stretch, .success(let next)) = outcome, next >= stretch.end else {
            return nil
        }
        let base = stretch.from.bytes - stretch.from.bytes % Int64(store.segmentBytes)
        guard let reason = store.indexDamage(PhysicalOffset(base)) else { return nil }
        (self.base, self.reason) = (PhysicalOffset(base), reason)
    }
}

// Full segments are read through and mended in the background.
extension BrokerWorker {
    /// In the order of all other changes of the log's files: a segment that is deleted, or a log that
    /// is cut off, is not mended afterwards.
    func keep(_ work: SegmentWork) {
        let store = self.store
        self.inBackground(
            { () -> (SegmentOutcome, RottenIndex?) in
                let outcome = work.carriedOut(in: store)
                return (outcome, RottenIndex(behind: outcome, in: store))
            },
            then: { worker, result in
                guard case .success(let (outcome, rotten)) = result else { return }
                if let rotten { worker.makeAnew(rotten) }
                worker.engine.segmentWorkDone(outcome, at: Clock.now())
                worker.scheduleTurn()
            })
    }

    private func makeAnew(_ rotten: RottenIndex) {
        let isThere = self.engine.segments.all.contains {
            $0.base == rotten.base && $0.state == .sealed
        }
        if isThere { self.rebuildIndex(rotten.base, because: ReadFailure(reason: rotten.reason)) }
    }

    /// The bytes of a message are not those that were stored.
    func tellEngine(of damage: MessageDamage) {
        guard damage.cause != .anotherMessage else { return }
        self.foundRotten(at: damage.entry.position)
    }

    func foundRotten(at position: PhysicalOffset) {
        self.engine.foundRotten(at: position, at: Clock.now())
    }
}
