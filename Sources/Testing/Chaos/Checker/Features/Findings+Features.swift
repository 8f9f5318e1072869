internal import MessageFormat

// What every feature promises: nothing acknowledged is lost, nothing is there twice, and what comes
// again without being asked for has a cause.

extension Findings {
    /// Members that come or go move queues, and with them what was not yet reported as done.
    private static let handOverNanoseconds: Int64 = 1_000_000_000
    private static let electionSeenLateNanoseconds: Int64 = 2_000_000_000

    mutating func check(_ lives: Lives) {
        let all = lives.all
        switch lives.feature {
        case .retry: self.checkRetries(all)
        case .deadLetter: self.checkDeadLetters(all)
        case .orderly: self.checkOrderly(all)
        case .delay: self.checkDelays(all)
        case .transaction: self.checkTransactions(all)
        case .pop: self.checkPops(all)
        }
        for life in all { self.checkPlaces(of: life) }
        // Nobody reads the queues back: what was acknowledged must have been handled.
        self.undetermined = []
    }

    /// Somebody has been done with what was acknowledged.
    mutating func checkFinished(_ life: Lives.Life) {
        guard life.isAcknowledged, !life.mayBeDone else { return }
        let what = life.deliveries.isEmpty ? "never delivered" : "never done with"
        self.found(.lost, "\(life.id) was acknowledged and \(what)") { $0.story(of: life) }
    }

    /// One message lies at one place; at one more for each dead letter that was sent again.
    private mutating func checkPlaces(of life: Lives.Life) {
        let allowed = 1 + (life.replayedAt == nil ? 0 : life.gravePlaces)
        guard life.places.count > allowed else { return }
        self.found(.storedTwice, "\(life.id) lies at \(life.places.count) places") {
            $0.story(of: life)
        }
    }

    /// A delivery that nobody has asked for.
    mutating func countRepetition(
        of delivery: Lives.Step, after before: Lives.Step, _ life: Lives.Life
    ) {
        let cause = self.cause(of: delivery, after: before, life)
        self.verdict.duplicated[cause, default: 0] += 1
        guard cause == .unexplained else { return }
        self.found(.duplicatedUnexplained, "\(life.id) came again without a cause") {
            $0.story(of: life)
        }
    }

    private func cause(
        of delivery: Lives.Step, after before: Lives.Step, _ life: Lives.Life
    ) -> DuplicateCause {
        let brokers = Set([delivery, before].map(\.position.queue.brokerName))
        let end = delivery.at + Self.electionSeenLateNanoseconds
        let hadElection = self.record.elections.contains {
            brokers.contains($0.election.master.group) && (before.at...end).contains($0.at)
        }
        if hadElection { return .failover }
        let isUncertain = life.steps.contains {
            $0.treatment == .uncertain && $0.position == before.position
        }
        if isUncertain { return .acknowledgementUncertain }
        let window = (before.at - Self.handOverNanoseconds)...delivery.at
        let changes = self.record.groupChanges.filter { window.contains($0.at) }
        if changes.contains(where: \.isDeparture) { return .consumerLeft }
        if !changes.isEmpty { return .rebalanced }
        let isFault = self.record.faults.contains { $0.overlaps(before.at, delivery.at) }
        return isFault ? .fault : .unexplained
    }

    /// The later one of a time and the last election of the broker group up to `limit`: before it
    /// nobody could have acted.
    func due(_ time: Int64, at brokerName: String, until limit: Int64) -> Int64 {
        let elected = self.record.elections.filter {
            $0.election.master.group == brokerName && $0.at <= limit
        }
        return max(time, elected.map(\.at).max() ?? time)
    }

    mutating func note(_ text: String) { self.verdict.notes.append(text) }

    static func seconds(_ nanoseconds: Int64) -> String {
        let milliseconds = nanoseconds / 1_000_000
        let fraction = String(abs(milliseconds) % 1_000)
        let padding = String(repeating: "0", count: 3 - fraction.count)
        return "\(milliseconds < 0 ? "-" : "")\(abs(milliseconds) / 1_000).\(padding)\(fraction) s"
    }
}

extension Storyteller {
    func story(of life: Lives.Life) -> [String] {
        var lines: [(at: Int64, text: String)] = []
        if let sentAt = life.sentAt { lines.append((sentAt, "send of \(life.id) begins")) }
        if let at = life.answeredAt, let outcome = life.outcome {
            lines.append((at, outcome.rawValue))
        }
        for step in life.steps { lines.append((step.at, self.text(step))) }
        for at in life.askedAt { lines.append((at, "its broker asks for the outcome")) }
        for grave in life.graves {
            lines.append((grave.at, "a dead letter at \(self.text(grave.position))"))
        }
        if let at = life.replayedAt { lines.append((at, "is sent again as a dead letter")) }
        lines.sort { $0.at < $1.at }
        let told = lines.map { "\(self.time($0.at)) \($0.text)" }
        return told + self.faults(from: life.sentAt, to: lines.last?.at)
    }

    private func text(_ step: Lives.Step) -> String {
        let place = self.text(step.position)
        let name = step.member.consumer
        switch step.treatment {
        case nil: return "\(name) gets it at \(place), redelivered \(step.times) times"
        case .done?: return "\(name) is done with it"
        case .failed(let again)?:
            guard let again else { return "\(name) fails, for the last time" }
            return "\(name) fails, and wants it again after "
                + Findings.seconds(Tick(again).nanoseconds)
        case .hidden(let until)?: return "hidden for \(name) until \(self.time(until.nanoseconds))"
        case .uncertain?: return "\(name) does not learn what became of it"
        }
    }

    func text(_ position: QueuePosition) -> String {
        "\(position.queue.text) offset \(position.offset.value)"
    }
}
