internal import MessageFormat

// What was sent, what was promised, what is there.

extension Findings {
    /// Counts messages, and compares each attempt's outcome with what was read.
    mutating func checkSets() {
        let log = FinalLog(self.record)
        let delivery = self.firstDeliveries()
        for index in self.record.attempts.indices {
            let attempt = self.record.attempts[index]
            guard self.record.isOwn(attempt) else { continue }
            self.checkPresence(attempt, firstDelivery: delivery[index], log)
            self.checkAbsence(attempt, firstDelivery: delivery[index])
        }
        self.countMessages(delivered: delivery)
        self.verdict.repeated = self.record.repeated
        for corruption in self.record.corruptions {
            let queue = corruption.position.queue.text
            let place = "\(queue) offset \(corruption.position.offset.value)"
            self.found(.corrupt, "\(place): \(corruption.problem)") { tell in
                ["\(tell.time(corruption.at)) \(corruption.reader) reads \(place)"]
                    + tell.faults(from: corruption.at, to: corruption.at)
            }
        }
    }

    /// For each attempt when it was first delivered to anyone, if ever.
    private func firstDeliveries() -> [Int64?] {
        var first = [Int64?](repeating: nil, count: self.record.attempts.count)
        for delivery in self.record.deliveries where delivery.identity >= 0 {
            let index = Int(delivery.identity)
            first[index] = min(first[index] ?? .max, delivery.at)
        }
        return first
    }

    /// An acknowledged attempt must be there.
    private mutating func checkPresence(
        _ attempt: Record.Attempt, firstDelivery: Int64?, _ log: FinalLog
    ) {
        guard attempt.outcome == .acknowledged, attempt.foundAt == nil else { return }
        guard self.wasReadBack(attempt.place) else {
            self.undetermined.insert(attempt.place?.queue ?? -1)
            return
        }
        let id = self.record.id(attempt)
        self.found(.lost, "\(id) was acknowledged and is gone") { tell in
            tell.story(of: attempt)
                + (firstDelivery.map { ["\(tell.time($0)) delivered to a consumer"] } ?? [])
                + (attempt.place.map { tell.neighbourhood(of: $0, in: log) } ?? [])
        }
    }

    private func wasReadBack(_ place: Record.Place?) -> Bool {
        guard let place else { return !self.record.drainedRanges.isEmpty }
        return self.record.drainedRanges[place.queue] != nil
    }

    /// A refused attempt must not be there, nor one that was never made, nor one too early.
    private mutating func checkAbsence(_ attempt: Record.Attempt, firstDelivery: Int64?) {
        guard attempt.foundAt != nil || firstDelivery != nil else {
            return self.checkAnswered(attempt)
        }
        let id = self.record.id(attempt)
        let sighting =
            attempt.foundAt.map { "the final read finds it at \(self.tell.text($0))" }
            ?? "it was delivered to a consumer"
        if attempt.outcome == .failed {
            self.found(.aborted, "\(id) was refused and is there") { tell in
                tell.story(of: attempt) + [sighting]
            }
        }
        guard let sentAt = attempt.sentAt else {
            self.found(.unexpected, "\(id) is there and was never sent") { tell in [sighting] }
            return
        }
        if let firstDelivery, firstDelivery < sentAt {
            self.found(.unexpected, "\(id) was delivered before it was sent") { tell in
                ["\(tell.time(firstDelivery)) delivered"] + tell.story(of: attempt)
            }
        }
        self.checkAnswered(attempt)
    }

    /// A run that reached its final read has waited for every send.
    private mutating func checkAnswered(_ attempt: Record.Attempt) {
        guard attempt.sentAt != nil, attempt.answeredAt == nil,
            !self.record.drainedRanges.isEmpty
        else { return }
        self.found(.unanswered, "the send of \(self.record.id(attempt)) never returned") { tell in
            tell.story(of: attempt)
        }
    }

    private mutating func countMessages(delivered: [Int64?]) {
        for message in self.record.messages.indices {
            var index = self.record.firstAttempt[message]
            guard index >= 0, self.record.isOwn(self.record.attempts[Int(index)]) else { continue }
            var outcomes: Set<SendOutcome> = []
            var wasDelivered = false
            var sends = 0
            while index >= 0 {
                let attempt = self.record.attempts[Int(index)]
                if attempt.sentAt != nil {
                    sends += 1
                    outcomes.insert(attempt.outcome ?? .unknown)
                }
                wasDelivered = wasDelivered || delivered[Int(index)] != nil
                index = attempt.next
            }
            self.count(outcomes, wasDelivered: wasDelivered, sends: sends)
        }
    }

    private mutating func count(_ outcomes: Set<SendOutcome>, wasDelivered: Bool, sends: Int) {
        if wasDelivered { self.verdict.delivered += 1 }
        guard sends > 0 else { return }
        self.verdict.attempts += sends
        self.verdict.attempted += 1
        if outcomes.contains(.acknowledged) {
            self.verdict.acknowledged += 1
        } else if outcomes.contains(.unknown) {
            self.verdict.unknown += 1
        } else {
            self.verdict.failed += 1
        }
    }
}
