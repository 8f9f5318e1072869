import LogCore
import MessageFormat
import RemotingProtocol
import ReplicationCore
import ReplicationProtocol

/// Where a master could not read its own log for a replica, and how often in a row.
struct UnreadableStretch: Sendable {
    let position: PhysicalOffset
    var failures = 1
}

// A master whose log is damaged in the middle serves those that are behind the damage, and nobody
// else: what cannot be read and checked is never sent.
extension BrokerEngine {
    /// Once may be a disk that stumbled; the replica comes again and asks for the same.
    private static let failuresMax = 2

    mutating func cannotRead(for link: LinkID, _ failure: ReadFailure) {
        guard let position = self.master?.feeds[link]?.sent else { return }
        let isReplicasFault = self.isOnlyClaimed(position, on: link)
        self.lostReplica(link)
        guard position >= self.logStart else {
            return self.end(link, .comingAgain, "that part of the log is deleted by now")
        }
        guard !isReplicasFault else {
            return self.end(
                link, .wrongLog,
                "the replica's log ends at \(position.bytes), where the master's has no batch "
                    + "that can be read: \(failure)")
        }
        self.end(
            link, .wrongLog,
            "the master cannot read its log at \(position.bytes): \(failure)")
        self.noteUnreadable(position, failure)
    }

    /// Whether nothing but the replica's word says that a batch begins here. Whoever reaches the
    /// port can say such a word, so it proves nothing about the master's log; a member of the
    /// SyncStateSet, the log's own beginning and a replica that was fed up to here do.
    private func isOnlyClaimed(_ position: PhysicalOffset, on link: LinkID) -> Bool {
        guard let master = self.master, let replica = master.welcomed[link] else { return false }
        return position == replica.start
            && position != self.logStart
            && position != master.unreadable?.position
            && !master.replication.set.members.contains(replica.brokerID)
    }

    private mutating func noteUnreadable(_ position: PhysicalOffset, _ failure: ReadFailure) {
        if self.master?.unreadable?.position == position {
            self.master?.unreadable?.failures += 1
        } else {
            self.master?.unreadable = UnreadableStretch(position: position)
            self.effects.append(
                .warn(
                    "this master cannot read its own log at \(position.bytes), so no replica can "
                        + "catch up from there: \(failure); when another one is in step it is "
                        + "asked to take over, and this one mends its log with what that has"))
        }
        self.leaveUnreadableLog()
    }

    private mutating func leaveUnreadableLog() {
        guard let unreadable = self.master?.unreadable, unreadable.failures >= Self.failuresMax
        else { return }
        self.suspect(unreadable.position)
        self.askToLeave("the log cannot be read at \(unreadable.position.bytes) here")
    }

    /// Once another one is master, this broker starts anew and takes from it what is damaged.
    mutating func leaveDamagedLog() {
        guard let damage = self.group?.damagedFrom ?? self.damageWorthLeaving else { return }
        self.askToLeave("the log is damaged at \(damage.bytes) here")
    }

    /// Another member of the SyncStateSet holds everything confirmed, and was fed by memory or
    /// before the damage: its log is sound as far as anybody knows.
    private mutating func askToLeave(_ reason: String) {
        guard let master = self.master, let settings = self.group?.settings,
            !master.replication.proven(for: settings.proofTime, at: self.now.tick).isEmpty,
            master.askedToLeaveAt.map({ self.now.tick - $0 >= settings.strandedRetry }) ?? true
        else { return }
        self.master?.askedToLeaveAt = self.now.tick
        self.effects.append(.askForAnotherMaster(because: reason))
    }
}
