internal import MessageFormat

// Retries: what failed comes again after its delay, and counts how often; what died is among the
// dead letters, with its reason, and is done with after it was sent again.

extension Findings {
    /// A client gives a message to its broker again after 5 s if no answer came.
    private static let lateAfterFailoverMax: Int64 = 10_000_000_000
    private static let givesBackWithin: Int64 = 5_000_000_000
    private static let attemptsMax = PushTaker.attemptsMax

    mutating func checkRetries(_ lives: [Lives.Life]) {
        var lateness = Lateness()
        var retries = 0
        for life in lives {
            self.checkFinished(life)
            retries += self.checkSteps(of: life, &lateness)
        }
        self.note("\(retries) retries, \(lateness.text)")
    }

    mutating func checkDeadLetters(_ lives: [Lives.Life]) {
        var lateness = Lateness()
        var dead = 0
        var replayed = 0
        for life in lives {
            self.checkFinished(life)
            self.checkDeath(of: life)
            _ = self.checkSteps(of: life, &lateness)
            if !life.graves.isEmpty { dead += 1 }
            if life.replayedAt != nil { replayed += 1 }
        }
        if dead == 0 { self.doubt("no message became a dead letter") }
        self.note("\(dead) dead letters, \(replayed) replayed, retries \(lateness.text)")
    }

    private mutating func checkDeath(of life: Lives.Life) {
        let isDead = life.steps.contains { $0.treatment == .failed(again: nil) }
        if isDead, life.graves.isEmpty, !life.mayBeDone {
            self.found(.lost, "\(life.id) died and is not among the dead letters") {
                $0.story(of: life)
            }
        }
        guard let grave = life.graves.first else { return }
        let failures = life.steps.filter { $0.isFailure && $0.at < grave.at }
        if life.gravePlaces > 1, !self.isStruck(failures) {
            self.found(.storedTwice, "\(life.id) is more than one dead letter") {
                $0.story(of: life)
            }
        }
        if failures.count < Self.attemptsMax {
            self.found(.wronglyDead, "\(life.id) died after \(failures.count) failures") {
                $0.story(of: life)
            }
        }
        if grave.reason != "hopeless \(life.id)" {
            self.found(.wronglyDead, "\(life.id) died because of '\(grave.reason)'") {
                $0.story(of: life)
            }
        }
    }

    /// Each failure brings the message again once, counted one higher.
    ///
    /// - Returns: how often it came again as it was asked to.
    private mutating func checkSteps(of life: Lives.Life, _ lateness: inout Lateness) -> Int {
        var retries = 0
        var replaysMet = 0
        var met: [Lives.Step] = []
        for delivery in life.deliveries {
            defer { met.append(delivery) }
            guard let before = met.last else { continue }
            if met.contains(where: { $0.position == delivery.position }) {
                self.countRepetition(of: delivery, after: before, life)
            } else if delivery.times > 0 {
                let asked = self.failures(of: life, times: delivery.times - 1, until: delivery.at)
                let copies = Set(met.filter { $0.times == delivery.times }.map(\.position)).count
                if copies < asked.count {
                    retries += 1
                    self.checkTime(of: delivery, after: asked[copies], life, &lateness)
                } else {
                    self.countCopy(of: delivery, asked: asked, after: before, life)
                }
            } else if replaysMet < life.gravePlaces, let at = life.replayedAt, delivery.at > at {
                if replaysMet > 0 { self.verdict.duplicated[.fault, default: 0] += 1 }
                replaysMet += 1
            } else {
                self.countRepetition(of: delivery, after: before, life)
            }
        }
        return retries
    }

    /// The failures of what had come again so often.
    private func failures(
        of life: Lives.Life, times: Int32, until limit: Int64
    ) -> [Lives.Step] {
        let places = Set(life.deliveries.filter { $0.times == times }.map(\.position))
        return life.steps.filter {
            $0.isFailure && places.contains($0.position) && $0.at <= limit
        }
    }

    /// A broker that dies while a message is given back may have kept it; its consumer cannot know,
    /// and gives it to another.
    private mutating func countCopy(
        of delivery: Lives.Step, asked: [Lives.Step], after before: Lives.Step, _ life: Lives.Life
    ) {
        guard self.isStruck(asked) else {
            return self.countRepetition(of: delivery, after: before, life)
        }
        self.verdict.duplicated[.fault, default: 0] += 1
    }

    private func isStruck(_ failures: [Lives.Step]) -> Bool {
        failures.contains { failure in
            let end = failure.at + Self.givesBackWithin
            return self.record.faults.contains { $0.overlaps(failure.at, end) }
        }
    }

    private mutating func checkTime(
        of delivery: Lives.Step, after failure: Lives.Step, _ life: Lives.Life,
        _ lateness: inout Lateness
    ) {
        guard case .failed(let again?) = failure.treatment else { return }
        let due = failure.at + Tick(again).nanoseconds
        let isStruck = self.record.faults.contains { $0.overlaps(failure.at, delivery.at) }
        self.checkTime(
            of: delivery, earliest: due, latest: due,
            max: isStruck ? Self.lateAfterFailoverMax : Self.lateNanosecondsMax, life, &lateness)
    }
}
