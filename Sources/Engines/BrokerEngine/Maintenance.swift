import DeliveryCore
import LogCore
package import MessageFormat
import ReplicationCore

// What happens only because time passes.
extension BrokerEngine {
    /// Time has passed. Call it some ten to twenty times a second.
    package mutating func advance(to now: Now) {
        self.now = now
        self.tendAwaiting()
        guard self.group?.isOver != true else { return }
        self.tendReplicas()
        self.tendMaster()
        self.expireHolds()
        self.tell(self.consumers.advance(to: now.tick))
        self.giveUpSilentPoppers()
        self.producers.advance(to: now.tick)
        self.locks.advance(to: now.tick)
        self.logLocks()
        self.expireCalls()
        self.tendDelays()
        self.tendPops()
        self.tendTransactions()
        self.forgetSilentProducers()
        self.releaseOverdueAnswers()
        self.sealNextSegment()
        self.deleteOldSegment()
        self.tendSegments()
    }

    /// At most one segment a second: a clock that jumps, or a disk that fills up, must not take
    /// everything before somebody can look.
    private mutating func deleteOldSegment() {
        guard let oldest = self.segments.oldest, oldest.base < self.log.segmentBase,
            self.now.tick - self.deletedAt >= .seconds(1),
            self.settings.retention.mayDelete(
                oldest, at: self.now.wall, diskUsedRatio: self.diskUsedRatio),
            self.isFreeOfTransactions(oldest.base), self.isRolledOut(oldest.base)
        else { return }
        self.deletedAt = self.now.tick
        self.effects.append(.deleteSegment(oldest.base))
    }

    /// The oldest segment's files are gone.
    package mutating func deleted(_ base: PhysicalOffset) {
        guard self.segments.oldest?.base == base else { return }
        self.segments.removeOldest()
        self.repair.deleted(base)
        self.queues.drop(segmentsThrough: base)
    }
}
