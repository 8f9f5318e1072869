import LogCore
import MessageFormat
import RemotingProtocol
import ReplicationCore
import ReplicationProtocol

// A replica takes what its master sends.
extension BrokerEngine {
    mutating func heard(_ stretch: LogStretch, on link: LinkID) {
        guard let follower = self.follower, follower.stage == .following,
            stretch.epoch == follower.epoch
        else {
            return self.breakOff(link, .protocolViolation, "bytes of another epoch, or too early")
        }
        do {
            try self.adopt(stretch)
        } catch {
            return self.breakOff(link, .protocolViolation, "\(error)")
        }
        self.heard(confirmed: stretch.confirmed)
    }

    mutating func heard(confirmed: PhysicalOffset) {
        let known = self.follower?.masterConfirmed ?? .zero
        self.follower?.masterConfirmed = max(known, confirmed)
        self.confirmAsTold()
    }

    /// The confirm offset follows the master's, as far as the log here goes.
    mutating func confirmAsTold() {
        guard let follower = self.follower, follower.stage == .following else { return }
        self.confirm(upTo: follower.masterConfirmed)
    }

    /// Ends the link to the master; tried again after a while.
    mutating func breakOff(_ link: LinkID, _ reason: GoodbyeReason, _ remark: String) {
        self.end(link, reason, remark)
        self.effects.append(.warn(remark))
        self.waitForMaster()
    }

    /// The master ended the link: what it has to repeat is asked for a little later.
    mutating func leftByMaster(_ reason: GoodbyeReason) {
        switch reason {
        case .comingAgain, .notMaster, .staleEpoch, .stopping: self.follower?.link = nil
        case .wrongGroup, .wrongLog, .unknownReplica, .protocolViolation: self.waitForMaster()
        }
    }

    /// The link is no more, and the next one is opened after a second.
    private mutating func waitForMaster() {
        self.follower?.link = nil
        self.follower?.stage = .greeting
        self.follower?.triedAt = self.now.tick + .milliseconds(900)
    }
}
