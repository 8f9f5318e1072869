internal import MessageFormat

// Delayed messages: none early, none late, each once.

extension Findings {
    /// Clocks of messages count milliseconds.
    static let earlyNanosecondsMax: Int64 = 2_000_000
    static let lateNanosecondsMax: Int64 = 1_000_000_000

    /// How late the latest delivery was, after its time and after an election.
    struct Lateness {
        var plain: Int64 = 0
        var afterElection: Int64?

        mutating func add(_ late: Int64, hadElection: Bool) {
            if hadElection {
                self.afterElection = max(self.afterElection ?? 0, late)
            } else {
                self.plain = max(self.plain, late)
            }
        }

        var text: String {
            let after = self.afterElection.map { ", after an election \(Findings.seconds($0))" }
            return "latest \(Findings.seconds(self.plain))" + (after ?? "")
        }
    }

    mutating func checkDelays(_ lives: [Lives.Life]) {
        var lateness = Lateness()
        for life in lives {
            self.checkFinished(life)
            let deliveries = life.deliveries
            if let first = deliveries.first { self.checkTime(of: first, life, &lateness) }
            for (before, next) in zip(deliveries, deliveries.dropFirst()) {
                self.countRepetition(of: next, after: before, life)
            }
        }
        self.note(lateness.text)
    }

    /// The broker stores it somewhere between the send's begin and its end, and counts from there.
    private mutating func checkTime(
        of delivery: Lives.Step, _ life: Lives.Life, _ lateness: inout Lateness
    ) {
        guard let sentAt = life.sentAt, let wish = life.wish else { return }
        let earliest: Int64
        let latest: Int64
        switch wish {
        case .delayed(let delay):
            earliest = sentAt + Tick(delay).nanoseconds
            latest = (life.answeredAt ?? sentAt) + Tick(delay).nanoseconds
        case .due(let due):
            earliest = due.nanoseconds
            latest = max(due.nanoseconds, life.answeredAt ?? sentAt)
        case .transaction: return
        }
        self.checkTime(
            of: delivery, earliest: earliest, latest: latest, max: Self.lateNanosecondsMax, life,
            &lateness)
    }

    mutating func checkTime(
        of delivery: Lives.Step, earliest: Int64, latest: Int64, max lateMax: Int64,
        _ life: Lives.Life, _ lateness: inout Lateness
    ) {
        if delivery.at < earliest - Self.earlyNanosecondsMax {
            let by = Self.seconds(earliest - delivery.at)
            self.found(.early, "\(life.id) came \(by) before its time") { $0.story(of: life) }
        }
        let due = self.due(
            latest, at: delivery.position.queue.brokerName, until: delivery.at)
        let late = delivery.at - due
        lateness.add(max(0, late), hadElection: due > latest)
        if late > lateMax {
            self.found(.late, "\(life.id) came \(Self.seconds(late)) after its time") {
                $0.story(of: life)
            }
        }
    }
}
