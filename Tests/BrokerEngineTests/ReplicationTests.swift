import BrokerEngine
import LogCore
import MessageFormat
import RemotingProtocol
import ReplicationProtocol
import Testing

@Suite("A group's master acknowledges what all of the SyncStateSet keep")
struct ReplicationTests {
    /// Broker 1 is master; 1, 2 and 3 are in step.
    private func group(minInSync: Int = 2) -> GroupBench {
        var group = GroupBench([1, 2, 3], minInSync: minInSync)
        group.view(master: 1, epoch: 1, set: [1], setEpoch: 1)
        Self.followLogs(&group, [2, 3], of: 1)
        group.view(master: 1, epoch: 1, set: [1, 2, 3], setEpoch: 2)
        return group
    }

    /// Empty brokers begin with the master's log, as their shells do it.
    private static func followLogs(_ group: inout GroupBench, _ ids: [Int64], of master: Int64) {
        for id in ids {
            guard case .startOver(let logID, _, let start) = group[id].change else { continue }
            group.start(id, logID: logID, at: start)
            group.view(to: [id], master: master, epoch: 1, set: [1], setEpoch: 1)
        }
    }

    @Test("an empty broker takes the identity of the master's log and begins where it does")
    func startsOver() {
        var group = GroupBench([1, 2])
        group.view(master: 1, epoch: 1, set: [1], setEpoch: 1)
        #expect(
            group[2].change == .startOver(logID: 1, segmentBytes: 1 << 20, start: .zero))
        Self.followLogs(&group, [2], of: 1)
        #expect(group[2].engine.role == .replica(of: Epoch(1)))
        #expect(group.log(2) == group.log(1))
        group.pass(.milliseconds(100))
        #expect(group[1].proposals.last?.members == [1, 2])
    }

    @Test("a send is answered when every member keeps it, and no sooner")
    func waitsForAll() {
        var group = self.group()
        group.slowDisk(3)
        let send = group.request(Requests.send(), at: 1)
        #expect(group.code(of: send, at: 1) == nil)
        #expect(group[2].disk.last?.end == group[1].disk.last?.end, "both got it at once")
        group.complete(3)
        #expect(group.code(of: send, at: 1) == .success)
        #expect(group.log(2) == group.log(1))
        #expect(group.log(3) == group.log(1))
    }

    @Test("nobody reads what is not confirmed")
    func readsBelowConfirmed() {
        var group = self.group()
        group.request(Requests.send(), at: 1)
        group.slowDisk(3)
        group.request(Requests.send(), at: 1)
        let early = group.request(Requests.pull(offset: 0), at: 1)
        #expect(group[1].answers.first { $0.opaque == early }?.entries == 1)
        group.complete(3)
        let late = group.request(Requests.pull(offset: 0), at: 1)
        #expect(group[1].answers.first { $0.opaque == late }?.entries == 2)
    }

    @Test("a replica sends clients away, with the master's address")
    func replicaRefuses() {
        var group = self.group()
        let send = group.request(Requests.send(), at: 2)
        #expect(group.code(of: send, at: 2) == .serviceNotAvailable)
        let remark = group[2].answers.first { $0.opaque == send }?.remark
        #expect(remark?.contains("b1") == true)
    }

    @Test("a replica that died leaves the set; sends that waited for it are acknowledged then")
    func shrinks() {
        var group = self.group()
        group.slowDisk(3)
        let send = group.request(Requests.send(), at: 1)
        group.kill(3)
        group.pass(.milliseconds(100))
        #expect(group[1].proposals.last?.members == [1, 2])
        #expect(group.code(of: send, at: 1) == nil, "a proposal is not a commit")
        group.view(master: 1, epoch: 1, set: [1, 2], setEpoch: 3)
        #expect(group.code(of: send, at: 1) == .success)
    }

    @Test("the set never shrinks below the minimum: sends are refused, or told the truth")
    func keepsMinimum() {
        var group = self.group()
        group.kill(3)
        group.pass(.milliseconds(100))
        group.view(master: 1, epoch: 1, set: [1, 2], setEpoch: 3)
        let proposals = group[1].proposals.count
        group.slowDisk(2)
        let waiting = group.request(Requests.send(), at: 1)
        group.kill(2)
        group.pass(.milliseconds(200))
        #expect(group[1].proposals.count == proposals)
        let refused = group.request(Requests.send(), at: 1)
        #expect(group.code(of: refused, at: 1) == .systemError)
        group.pass(.seconds(4))
        #expect(group.code(of: waiting, at: 1) == .flushSlaveTimeout)
    }

    @Test("a master that alone is cut off from its replicas asks for another one, and says so soon")
    func stranded() {
        var group = self.group()
        let waiting = group.request(Requests.send(), at: 1)
        #expect(group.code(of: waiting, at: 1) == .success)
        group.cutOff = [1]
        let stuck = group.request(Requests.send(), at: 1)
        group.pass(.milliseconds(900))
        #expect(group[1].asksForAnother == 0, "replicas may be slow for a moment")
        group.pass(.milliseconds(600))
        #expect(group[1].asksForAnother == 1)
        #expect(group.code(of: stuck, at: 1) == .flushSlaveTimeout, "it may have been stored")
        group.pass(.seconds(2))
        #expect(group[1].asksForAnother == 2)
    }

    @Test("while a proposal is open, everybody in the old and the new set must keep a message")
    func confirmsUnderBothSets() {
        var group = GroupBench([1, 2], minInSync: 1)
        group.view(master: 1, epoch: 1, set: [1], setEpoch: 1)
        Self.followLogs(&group, [2], of: 1)
        group.pass(.milliseconds(100))
        #expect(group[1].proposals.last?.members == [1, 2])
        group.slowDisk(2)
        let send = group.request(Requests.send(), at: 1)
        #expect(group.code(of: send, at: 1) == nil, "the controllers may have committed {1, 2}")
        if let proposal = group[1].proposals.last {
            group.input(1) { $0.syncStateSetAnswered(proposal, .refused(reason: "no"), at: $1) }
        }
        group.request(Requests.send(), at: 1)
        #expect(group.code(of: send, at: 1) == .success)
    }

    @Test("a replica that comes late reads what it missed, and joins when it has it")
    func catchesUp() {
        var group = GroupBench([1, 2], minInSync: 1)
        group.view(to: [1], master: 1, epoch: 1, set: [1], setEpoch: 1)
        for _ in 0..<20 { group.request(Requests.send(), at: 1) }
        group.view(to: [2], master: 1, epoch: 1, set: [1], setEpoch: 1)
        Self.followLogs(&group, [2], of: 1)
        #expect(group.log(2) == group.log(1))
        group.pass(.milliseconds(100))
        #expect(group[1].proposals.last?.members == [1, 2])
    }
}

@Suite("When mastership moves")
struct FailoverTests {
    /// Brokers 1 and 2 hold one log with a message; 1 is master in epoch 1.
    private func pair() -> GroupBench {
        var group = GroupBench([1, 2], minInSync: 1)
        group.view(master: 1, epoch: 1, set: [1], setEpoch: 1)
        if case .startOver(let logID, _, let start) = group[2].change {
            group.start(2, logID: logID, at: start)
        }
        group.view(to: [2], master: 1, epoch: 1, set: [1], setEpoch: 1)
        group.view(master: 1, epoch: 1, set: [1, 2], setEpoch: 2)
        group.request(Requests.send("first"), at: 1)
        return group
    }

    @Test("the new master has what was acknowledged, and goes on behind it")
    func takesOver() {
        var group = self.pair()
        group.kill(1)
        group.view(master: 2, epoch: 2, set: [2], setEpoch: 3)
        #expect(group[2].engine.role == .master(Epoch(2)))
        let send = group.request(Requests.send("second"), at: 2)
        #expect(group.code(of: send, at: 2) == .success)
        let pull = group.request(Requests.pull(offset: 0), at: 2)
        #expect(group[2].answers.first { $0.opaque == pull }?.entries == 2)
    }

    @Test("a deposed master cuts off what it alone had, and follows")
    func truncates() throws {
        var group = self.pair()
        let shared = group.log(1)
        group.cutOff = [1]
        let lost = group.request(Requests.send("never confirmed"), at: 1)
        #expect(group.log(1).count > shared.count)
        group.view(to: [2], master: 2, epoch: 2, set: [2], setEpoch: 3)
        group.request(Requests.send("second"), at: 2)
        group.cutOff = []
        group.view(to: [1], master: 2, epoch: 2, set: [2], setEpoch: 3)
        #expect(group.code(of: lost, at: 1) == .systemError, "whether it is stored is open")
        #expect(group[1].change == .restart)

        try group.restart(1)
        group.view(to: [1], master: 2, epoch: 2, set: [2], setEpoch: 3)
        #expect(group[1].change == .truncate(to: PhysicalOffset(Int64(shared.count))))
        try group.restart(1, keeping: group[1].disk.count - 1)
        group.view(to: [1], master: 2, epoch: 2, set: [2], setEpoch: 3)
        #expect(group.log(1) == group.log(2))
    }

    @Test("a master that was started again does not go on in its old epoch")
    func newIncarnation() throws {
        var group = self.pair()
        let incarnation = group[1].engine.settings.group?.incarnation
        try group.restart(1)
        group.view(
            to: [1], master: 1, epoch: 1, set: [1, 2], setEpoch: 2, incarnation: incarnation)
        #expect(group[1].engine.role == .fenced)
        group.view(master: 1, epoch: 2, set: [1, 2], setEpoch: 3)
        #expect(group[1].engine.role == .master(Epoch(2)))
    }

    @Test("what is known to be confirmed is never cut off, whoever is master")
    func refusesToForget() throws {
        var group = self.pair()
        let end = PhysicalOffset(Int64(group.log(1).count))
        try group.restart(2, keeping: 1)
        try group.restart(1, confirmedAtLeast: end)
        group.view(to: [2], master: 2, epoch: 2, set: [2], setEpoch: 3)
        group.view(to: [1], master: 2, epoch: 2, set: [2], setEpoch: 3)
        #expect(group[1].change == nil)
        #expect(group[1].warnings.contains { $0.contains("confirmed") })
    }

    @Test("old views change nothing, and views of the same epoch only the set")
    func oldViews() {
        var group = self.pair()
        group.view(master: 2, epoch: 2, set: [1, 2], setEpoch: 3)
        group.view(master: 1, epoch: 1, set: [1, 2], setEpoch: 2)
        #expect(group[2].engine.role == .master(Epoch(2)))
    }

    @Test("a replica's word about epochs deposes nobody")
    func futureEpoch() {
        var group = self.pair()
        let hello = ReplicaHello(
            clusterName: "DefaultCluster", brokerName: "broker-a", brokerID: 7, incarnation: 1,
            epoch: Epoch(99), logID: 1, logStart: .zero, logEnd: .zero)
        group.input(1) { $0.linkOpened(LinkID(value: 99), isOutgoing: false, at: $1) }
        group.input(1) { $0.linkReceived(LinkID(value: 99), .hello(hello), at: $1) }
        group.run()
        #expect(group[1].engine.role == .master(Epoch(1)))
        let send = group.request(Requests.send(), at: 1)
        #expect(group.code(of: send, at: 1) == .success)
    }

    @Test("acks of what was never sent, and of other epochs, count for nothing")
    func lyingAcks() {
        var group = self.pair()
        group.slowDisk(2)
        let send = group.request(Requests.send(), at: 1)
        guard let link = group[1].links.keys.first else { return #expect(Bool(false)) }
        let far = PhysicalOffset(1 << 40)
        group.input(1) {
            $0.linkReceived(link, .ack(epoch: Epoch(1), written: far, durable: far), at: $1)
        }
        group.run()
        #expect(group.code(of: send, at: 1) == nil)
    }

    @Test("bytes that do not continue the log, or are of another log, are not taken")
    func wrongBytes() {
        var group = self.pair()
        guard let link = group[2].links.keys.first else { return #expect(Bool(false)) }
        let before = group.log(2)
        let stretch = LogStretch(
            epoch: Epoch(1), confirmed: .zero, position: PhysicalOffset(Int64(before.count)),
            bytes: [UInt8](repeating: 7, count: 96))
        group.input(2) { $0.linkReceived(link, .batches(stretch), at: $1) }
        group.run()
        #expect(group.log(2) == before)
        #expect(!group[2].warnings.isEmpty)
    }
}

@Suite("A client of somebody else that still calls the old master")
struct RelayTests {
    @Test("is passed on to the new one, and not twice")
    func relays() {
        var group = GroupBench([1, 2], minInSync: 1)
        group.view(master: 1, epoch: 1, set: [1], setEpoch: 1)
        if case .startOver(let logID, _, let start) = group[2].change {
            group.start(2, logID: logID, at: start)
        }
        group.view(to: [2], master: 1, epoch: 1, set: [1], setEpoch: 1)

        var foreign = Requests.send()
        foreign.language = LanguageCode(rawValue: 0)
        let first = group.request(foreign, at: 2)
        #expect(group[2].relayed.map(\.to) == ["b1"])
        #expect(group.code(of: first, at: 2) == nil, "the master's answer comes back")

        foreign.fields.append(HeaderField(name: "apusRelayed", value: "true"))
        let second = group.request(foreign, at: 2)
        #expect(group.code(of: second, at: 2) == .serviceNotAvailable)
        let ours = group.request(Requests.send(), at: 2)
        #expect(group.code(of: ours, at: 2) == .serviceNotAvailable)
        #expect(group[2].relayed.count == 1)
    }
}
