import LogCore
import MessageFormat
import RemotingProtocol
import ReplicationCore
import ReplicationProtocol

// A replica finds what its log and the master's share, changes its own if it must, and follows.
extension BrokerEngine {
    mutating func heard(welcome: MasterWelcome, on link: LinkID) {
        guard let follower = self.follower, welcome.epoch == follower.epoch,
            let theirs = EpochHistory(checking: welcome.history)
        else {
            return self.breakOff(link, .protocolViolation, "the welcome makes no sense")
        }
        self.follower?.masterConfirmed = welcome.confirmed
        if self.isLogEmpty {
            self.beginEmpty(welcome, on: link)
        } else if welcome.logID != self.log.logID
            || welcome.segmentBytes != self.settings.log.segmentBytes
        {
            self.breakOff(
                link, .wrongLog,
                "this directory holds another log than the master's; empty it, or start the "
                    + "broker with the directory of its own group")
        } else {
            self.continueLog(welcome, theirs, on: link)
        }
    }

    private mutating func beginEmpty(_ welcome: MasterWelcome, on link: LinkID) {
        guard welcome.logID == self.log.logID, welcome.logStart == self.log.end,
            welcome.segmentBytes == self.settings.log.segmentBytes
        else {
            return self.startOver(welcome, on: link)
        }
        self.take(from: self.log.end, on: link)
    }

    mutating func startOver(_ welcome: MasterWelcome, on link: LinkID) {
        self.end(link, .comingAgain, "the replica starts over from \(welcome.logStart.bytes)")
        self.change(
            the: .startOver(
                logID: welcome.logID, segmentBytes: welcome.segmentBytes, start: welcome.logStart))
    }

    private mutating func continueLog(
        _ welcome: MasterWelcome, _ theirs: EpochHistory, on link: LinkID
    ) {
        if self.isDamaged { return self.replaceDamage(welcome, theirs, on: link) }
        let end = self.log.end
        let shared = self.history.sharedEnd(end: end, with: theirs, otherEnd: welcome.logEnd)
        guard let shared, shared >= self.progress.confirmed else {
            // Nothing in common is no harm when nothing here was confirmed, or when the master has
            // deleted what this broker has.
            let isHarmless = shared == nil && self.progress.confirmed <= self.logStart
            return isHarmless || end < welcome.logStart
                ? self.startOver(welcome, on: link) : self.refuseToForget(welcome, on: link)
        }
        guard shared >= welcome.logStart else { return self.startOver(welcome, on: link) }
        guard shared == end else {
            self.end(link, .comingAgain, "the replica cuts its log off at \(shared.bytes)")
            return self.change(the: .truncate(to: shared))
        }
        self.take(from: end, on: link)
    }

    /// What is known to be confirmed is never cut off, whoever asks.
    private mutating func refuseToForget(_ welcome: MasterWelcome, on link: LinkID) {
        self.breakOff(
            link, .wrongLog,
            "the master's log, which ends at \(welcome.logEnd.bytes), lacks messages that are "
                + "confirmed up to \(self.progress.confirmed.bytes) here; if it was elected by "
                + "force, empty this broker's directory")
    }

    private mutating func take(from end: PhysicalOffset, on link: LinkID) {
        self.follower?.stage = .following
        self.effects.append(.replicate(link, .follow(from: end)))
        self.acknowledge()
        self.confirmAsTold()
    }
}
