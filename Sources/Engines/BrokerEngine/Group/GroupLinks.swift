package import MessageFormat
package import ReplicationProtocol

// Links, whoever opened them.
extension BrokerEngine {
    /// A link is open: one that was asked for by `connectToMaster`, or one that a replica opened.
    package mutating func linkOpened(_ link: LinkID, isOutgoing: Bool, at now: Now) {
        self.now = now
        guard let group = self.group, !group.isOver else {
            self.effects.append(.closeLink(link))
            return
        }
        guard isOutgoing else { return }  // a replica speaks first
        guard let follower = self.follower, follower.link == link else {
            self.effects.append(.closeLink(link))
            return
        }
        self.follower?.heardAt = now.tick
        self.effects.append(
            .replicate(link, .hello(self.hello(follower.epoch, group.settings))))
    }

    package mutating func linkReceived(_ link: LinkID, _ message: ReplicationMessage, at now: Now) {
        self.now = now
        guard let group = self.group, !group.isOver else { return }
        if let follower = self.follower, follower.link == link {
            self.follower?.heardAt = now.tick
            self.heardFromMaster(message, on: link)
        } else {
            self.heardFromReplica(message, on: link)
        }
    }

    private mutating func heardFromMaster(_ message: ReplicationMessage, on link: LinkID) {
        switch message {
        case .welcome(let welcome): self.heard(welcome: welcome, on: link)
        case .batches(let stretch): self.heard(stretch, on: link)
        case .confirmed(let epoch, let confirmed):
            guard epoch == self.follower?.epoch else { return }
            self.heard(confirmed: confirmed)
        case .rollCall(let epoch, let number): self.heard(call: number, of: epoch, on: link)
        case .lent(let stretch): self.heard(stretch, on: link)
        case .goodbye(_, let reason, let remark):
            self.effects.append(.closeLink(link))
            self.effects.append(.warn("the master ended the replication: \(reason), \(remark)"))
            self.leftByMaster(reason)
        case .hello, .follow, .ack, .present, .lend:
            self.breakOff(link, .protocolViolation, "a master does not say that")
        }
    }

    private mutating func heardFromReplica(_ message: ReplicationMessage, on link: LinkID) {
        switch message {
        case .hello(let hello): self.heard(hello: hello, on: link)
        case .follow(let start): self.heard(followFrom: start, on: link)
        case .ack(let epoch, let written, let durable):
            self.heardAck(epoch: epoch, written: written, durable: durable, on: link)
        case .present(let epoch, let number): self.heard(present: number, in: epoch, on: link)
        case .lend(let epoch, let range): self.heard(lend: range, of: epoch, on: link)
        case .goodbye:
            self.lostReplica(link)
            self.effects.append(.closeLink(link))
        case .welcome, .batches, .confirmed, .rollCall, .lent:
            self.lostReplica(link)
            self.end(link, .protocolViolation, "a replica does not say that")
        }
    }

    package mutating func linkClosed(_ link: LinkID, at now: Now) {
        self.now = now
        if self.follower?.link == link {
            self.follower?.link = nil
            self.follower?.triedAt = now.tick
        } else {
            self.lostReplica(link)
        }
    }
}
