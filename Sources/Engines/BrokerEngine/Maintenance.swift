import DeliveryCore
import LogCore
package import MessageFormat

// What happens only because time passes.
extension BrokerEngine {
    /// Time has passed. Call it some ten to twenty times a second.
    package mutating func advance(to now: Now) {
        self.now = now
        self.expireHolds()
        self.tell(self.consumers.advance(to: now.tick))
        self.producers.advance(to: now.tick)
        self.locks.advance(to: now.tick)
        self.releaseOverdueAnswers()
        self.deleteOldSegment()
    }

    private mutating func deleteOldSegment() {
        guard let oldest = self.segments.oldest,
            self.settings.retention.mayDelete(
                oldest, at: self.now.wall, diskUsedRatio: self.diskUsedRatio)
        else { return }
        self.segments.removeOldest()
        self.queues.drop(segmentsThrough: oldest.base)
        self.effects.append(.deleteSegment(oldest.base))
        // One a turn; the shell looks at the disk again before the next.
        self.diskUsedRatio = 0
    }
}
