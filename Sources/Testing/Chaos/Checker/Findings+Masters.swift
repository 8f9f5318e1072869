internal import MessageFormat

// One master per epoch: what the controllers have committed, and who acknowledged what.

extension Findings {
    /// An election is seen when the controllers are asked the next time, or long after if none
    /// could be asked. A master that acknowledges before it was seen as one is not a wrong one.
    private static let seenLateNanoseconds: Int64 = 10_000_000_000

    mutating func checkMasters() {
        let byGroup = Dictionary(grouping: self.record.elections) { $0.election.master.group }
        for (_, elections) in byGroup.sorted(by: { $0.key < $1.key }) {
            self.checkEpochs(elections)
        }
        for attempt in self.record.attempts where attempt.outcome == .acknowledged {
            self.checkFencing(attempt, byGroup)
        }
    }

    private mutating func checkEpochs(_ elections: [Record.SeenElection]) {
        var masters: [UInt32: String] = [:]
        for seen in elections {
            let (master, epoch) = (seen.election.master, seen.election.epoch)
            let first = masters[epoch] ?? master.address
            masters[epoch] = first
            guard first != master.address else { continue }
            self.found(.twoMasters, "epoch \(epoch) of \(master.group) had two masters") { tell in
                ["\(tell.time(seen.at)) \(master.address), and before it \(first)"]
            }
        }
    }

    /// What was sent to a broker after the controllers had given its group to another one must not
    /// be acknowledged by it.
    private mutating func checkFencing(
        _ attempt: Record.Attempt, _ byGroup: [String: [Record.SeenElection]]
    ) {
        guard attempt.broker >= 0, let place = attempt.place, let sentAt = attempt.sentAt,
            let answeredAt = attempt.answeredAt
        else { return }
        let group = self.record.queues[place.queue].brokerName
        let broker = self.record.brokers[attempt.broker]
        let elections = byGroup[group] ?? []
        guard let last = elections.last(where: { $0.at < sentAt }),
            last.election.master.address != broker
        else { return }
        let until = answeredAt + Self.seenLateNanoseconds
        let isElectedMeanwhile = elections.contains {
            $0.election.master.address == broker && (sentAt...until).contains($0.at)
        }
        if isElectedMeanwhile { return }
        let master = last.election
        self.found(.unfenced, "\(broker) acknowledged for \(group), which it had lost") { tell in
            ["\(tell.time(last.at)) \(master.master.address) is master in epoch \(master.epoch)"]
                + tell.story(of: attempt)
        }
    }
}
