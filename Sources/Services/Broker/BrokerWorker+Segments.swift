package import BrokerEngine
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

// Full segments are read through and mended in the background.
extension BrokerWorker {
    /// In the order of all other changes of the log's files: a segment that is deleted, or a log that
    /// is cut off, is not mended afterwards.
    func keep(_ work: SegmentWork) {
        let store = self.store
        self.inBackground(
            { work.carriedOut(in: store) },
            then: { worker, result in
                guard case .success(let outcome) = result else { return }
                worker.engine.segmentWorkDone(outcome, at: Clock.now())
                worker.scheduleTurn()
            })
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
