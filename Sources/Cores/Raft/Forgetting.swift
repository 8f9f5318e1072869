import MessageFormat

// A member whose disk was emptied has forgotten what it confirmed and whom it voted for. To the
// others it looks like a new one. So every member that starts with an empty disk `mayHaveForgotten`
// until it is settled, and what it grants counts less meanwhile.
//
// What holds ("what is committed is never forgotten"), as long as fewer members than a majority
// are unsettled at any time after the founding:
//
// 1. Who is settled holds whatever it confirmed in a life before, if it is committed. It got a
//    message of the leader of term T that names a committed entry of T, and it has everything up
//    to there on disk. That message was written after the leader had learned how little this
//    member has, because it refuses all that continue what it lacks; so entries that were
//    committed with its forgotten help come at or before the one that is named. Those of earlier
//    terms were in the leader's log when it was elected.
//    Of a later term than T there are none: a leader of such a term that was elected with this
//    member's forgotten vote would have made T's leader an old one. Old leaders are left by all
//    that know better, and step down within an election timeout; this member gives them no
//    sign of life for as long after its start.
// 2. A majority of full votes shares a member with every majority that holds a committed entry,
//    and that member did not forget it. So the usual proof of leader completeness (§3.6.3) holds.
//    The same member remembers its vote, so a term has one leader.
// 3. All votes together do as well, full or not: fewer than a majority have forgotten, so somebody
//    among all the voters still holds the entry, and votes for nobody who lacks it. Unanimity is
//    what a group needs that has too few settled members for a majority: one whose first leader
//    died before its first entry got around, or two members of which one has lost its disk.
// 4. Entries that an unsettled member confirms count: it has them on disk. Only its votes do not,
//    and the majorities of (2) are made of others.
//
// The founding is the exception: a voter and a candidate that both have nothing make a full vote,
// or else a new group could not start before its last member does. So until each member was settled
// once, losing a disk may cost what was committed: members that were never there and members
// that forgot can found the group anew.
extension RaftNode {
    /// Whether a vote for this log is less than a full one.
    func mayHaveForgotten(against log: LogPosition) -> Bool {
        let isFounding = self.lastIndex == .zero && log.index == .zero
        return self.mayHaveForgotten && !isFounding
    }

    /// The leader of this term, or this member as that leader, knows that entries up to here are
    /// committed. The disk must have them before it says so.
    mutating func settle(with committed: LogIndex) {
        guard self.mayHaveForgotten, committed <= self.disk.durable,
            self.log.term(at: committed) == self.term
        else { return }
        self.mayHaveForgotten = false
    }

    /// Longer than any leader keeps its office that lives by this member's answers before its start.
    mutating func stayOut() {
        guard self.mayHaveForgotten else { return }
        self.listensAt = self.now + self.settings.electionTimeout.lowerBound
    }
}
