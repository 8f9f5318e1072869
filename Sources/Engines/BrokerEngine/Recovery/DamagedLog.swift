import LogCore
package import MessageFormat
import RemotingProtocol
import ReplicationCore
import ReplicationProtocol

// Damage in the middle of the log: sound batches, bytes that are none, and sound batches again.
//
// Alone, a broker serves what is left. In a group the others have the lost part: a damaged broker
// counts its log only up to the damage, so that it is not elected while a better one lives, and
// takes everything behind the damage from its master again. A master that finds some gives way.
extension BrokerEngine {
    /// Whether recovery ends the log at this damage, as at a torn write.
    ///
    /// A power cut keeps what it likes of the writes that were not flushed, so a hole behind
    /// everything that is known to be confirmed is the ordinary trace of one.
    package func endsLog(atDamage position: PhysicalOffset) -> Bool {
        self.group.map { position >= $0.settings.confirmedAtLeast } ?? false
    }

    package mutating func foundDamage(at position: PhysicalOffset) {
        let known = self.group?.damagedFrom ?? position
        self.group?.damagedFrom = min(known, position)
    }

    var isDamaged: Bool { self.group?.damagedFrom != nil }

    /// The index file of a segment is there. Messages that it could not be made of keep their queue
    /// offsets: who asks for one hears that it is damaged.
    package mutating func indexed(_ segment: SealedSegment, at now: Now) {
        self.now = now
        self.sealed(segment.base, youngest: segment.youngest, runs: segment.runs)
        guard let loss = segment.loss else { return }
        for (key, offset) in loss.begins.sorted(by: { $0.key < $1.key }) {
            self.queues[self.queues.findOrMake(key)].begins(at: offset, in: segment.base)
        }
        self.foundDamage(at: loss.start)
        self.leaveDamagedLog()
    }

    /// What a client hears of a message that is not in the log any more.
    func lostMessage(at offset: QueueOffset) -> Refusal {
        Refusal(
            .systemError,
            "the message at offset \(offset.value) is damaged on disk; to go on behind it, move "
                + "the group's offset: apus group seek")
    }

    /// Cuts off the damage and what follows it, although it was confirmed: the master has it.
    mutating func replaceDamage(
        _ welcome: MasterWelcome, _ theirs: EpochHistory, on link: LinkID
    ) {
        guard let damage = self.group?.damagedFrom, welcome.logEnd >= self.progress.confirmed else {
            return self.breakOff(
                link, .wrongLog,
                "this log is damaged, and the master's lacks messages that are confirmed")
        }
        let shared = self.history.sharedEnd(
            end: self.log.end, with: theirs, otherEnd: welcome.logEnd)
        guard let shared, min(shared, damage) >= welcome.logStart, min(shared, damage) > .zero
        else {
            return self.startOver(welcome, on: link)
        }
        let end = min(shared, damage)
        self.end(link, .comingAgain, "the replica replaces its log from \(end.bytes) on: damage")
        self.change(the: .truncate(to: end))
    }
}
