import LogCore
import MessageFormat
import RemotingProtocol
import ReplicationCore
import ReplicationProtocol

/// A replica that said hello on a link and was told what there is to be had.
struct WelcomedReplica: Sendable {
    let brokerID: Int64
    /// The only place from which what it said about its log lets it follow.
    let start: PhysicalOffset
    var heardAt: Tick
}

// What replicas say.
extension BrokerEngine {
    /// As many as controllers allow in a group.
    private static let replicasMax = 64

    mutating func heard(hello: ReplicaHello, on link: LinkID) {
        guard let group = self.group else {
            return self.end(link, .notMaster, "this broker has no replicas: it has no controllers")
        }
        guard hello.clusterName == self.settings.clusterName,
            hello.brokerName == self.settings.brokerName
        else {
            return self.end(
                link, .wrongGroup,
                "this is \(self.settings.clusterName)/\(self.settings.brokerName), not "
                    + "\(hello.clusterName)/\(hello.brokerName)")
        }
        guard let master = self.master else {
            return self.end(link, .notMaster, "this broker is not the master")
        }
        // Whatever a replica says about epochs, only the controllers change this broker's role.
        guard hello.epoch == master.epoch else {
            return self.end(
                link, hello.epoch < master.epoch ? .staleEpoch : .notMaster,
                "this master has epoch \(master.epoch.value), not \(hello.epoch.value)")
        }
        guard hello.brokerID > 0, hello.brokerID != group.settings.brokerID else {
            return self.end(link, .unknownReplica, "broker id \(hello.brokerID) is not a replica's")
        }
        guard hello.logID == 0 || hello.logID == self.log.logID else {
            return self.end(link, .wrongLog, "the replica's log belongs to another group")
        }
        guard master.welcomed[link] == nil else {
            self.lostReplica(link)
            return self.end(link, .protocolViolation, "hello was said before")
        }
        guard self.makeWay(for: hello.brokerID, group.settings) else {
            return self.end(
                link, .comingAgain,
                "broker \(hello.brokerID) is connected already, and was heard a moment ago")
        }
        guard self.master?.welcomed.count ?? 0 < Self.replicasMax else {
            return self.end(link, .unknownReplica, "this master has too many replicas already")
        }
        let start = hello.logID == 0 ? self.logStart : hello.logEnd
        self.master?.welcomed[link] = WelcomedReplica(
            brokerID: hello.brokerID, start: start, heardAt: self.now.tick)
        self.effects.append(
            .replicate(
                link,
                .welcome(
                    MasterWelcome(
                        epoch: master.epoch, logID: self.log.logID,
                        segmentBytes: self.settings.log.segmentBytes, logStart: self.logStart,
                        logEnd: self.progress.submitted, confirmed: self.progress.confirmed,
                        history: self.history.starts))))
    }

    var logStart: PhysicalOffset { self.segments.oldest?.base ?? self.log.segmentBase }

    /// Ends the link that a replica has left behind. A link that still works stays: whoever comes
    /// under the same id, by mistake or not, does not cut a sound replica off.
    private mutating func makeWay(for brokerID: Int64, _ settings: GroupSettings) -> Bool {
        guard let master = self.master else { return false }
        let earlier = master.welcomed.filter { $0.value.brokerID == brokerID }
        guard earlier.values.allSatisfy({ self.now.tick - $0.heardAt > settings.deadLinkTime })
        else { return false }
        for link in earlier.keys.sorted() {
            self.end(link, .comingAgain, "the replica has connected again")
            self.lostReplica(link)
        }
        return true
    }

    /// Who says hello and nothing more takes the place of others.
    mutating func dropSilent() {
        guard let master = self.master, let silenceMax = self.group?.settings.silenceMax else {
            return
        }
        for (link, replica) in master.welcomed.sorted(by: { $0.key < $1.key })
        where master.feeds[link] == nil && self.now.tick - replica.heardAt > silenceMax {
            self.end(link, .comingAgain, "nothing was heard for \(silenceMax)")
            self.lostReplica(link)
        }
    }

    mutating func heard(followFrom start: PhysicalOffset, on link: LinkID) {
        guard let replica = self.master?.welcomed[link], let settings = self.group?.settings,
            self.master?.feeds[link] == nil, start == replica.start, start >= self.logStart,
            start <= self.progress.submitted
        else {
            self.lostReplica(link)
            return self.end(
                link, .protocolViolation, "there is no log to follow from \(start.bytes) on")
        }
        self.master?.welcomed[link]?.heardAt = self.now.tick
        self.master?.feeds[link] = ReplicaFeed(
            brokerID: replica.brokerID, from: start, bytesMax: settings.feedBytesMax)
        self.master?.replication.connected(
            replica.brokerID, end: self.progress.submitted, at: self.now.tick)
        self.feed(link)
    }

    mutating func heardAck(
        epoch: Epoch, written: PhysicalOffset, durable: PhysicalOffset, on link: LinkID
    ) {
        guard let master = self.master, epoch == master.epoch, let feed = master.feeds[link],
            durable <= written, written <= feed.sent
        else {
            self.lostReplica(link)
            return self.end(link, .protocolViolation, "an ack of what was not sent")
        }
        self.master?.welcomed[link]?.heardAt = self.now.tick
        self.master?.feeds[link]?.acknowledged(written: written)
        self.master?.replication.acknowledged(
            feed.brokerID, kept: self.progress.mode == .sync ? durable : written,
            end: self.progress.submitted, at: self.now.tick)
        self.confirm()
        self.feed(link)
    }

    mutating func lostReplica(_ link: LinkID) {
        self.master?.lending.remove(link)
        guard let replica = self.master?.welcomed.removeValue(forKey: link) else { return }
        guard self.master?.feeds.removeValue(forKey: link) != nil else { return }
        self.master?.replication.disconnected(replica.brokerID, at: self.now.tick)
    }
}
