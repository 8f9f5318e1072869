internal import MessageFormat

// Popped messages: hidden as long as was promised, back afterwards, and never again once their
// acknowledgement was confirmed.

extension Findings {
    private static let comesBackWithinMax: Int64 = 5_000_000_000

    mutating func checkPops(_ lives: [Lives.Life]) {
        var lateness = Lateness()
        var returned = 0
        for life in lives {
            self.checkFinished(life)
            returned += self.checkSteps(of: life, &lateness)
        }
        if returned == 0 { self.doubt("no message came back") }
        self.note("\(returned) came back, \(lateness.text)")
    }

    private mutating func checkSteps(of life: Lives.Life, _ lateness: inout Lateness) -> Int {
        var returned = 0
        var hiddenUntil: Int64?
        var acknowledged: Lives.Step?
        for step in life.steps {
            switch step.treatment {
            case .hidden(let until)?: hiddenUntil = until.nanoseconds
            // After its time somebody else may have it already: that is no promise any more.
            case .done?: if step.at <= hiddenUntil ?? .min { acknowledged = step }
            case nil:
                if let acknowledged {
                    self.foundCameBack(life, at: step.at - acknowledged.at)
                } else if let until = hiddenUntil {
                    returned += 1
                    self.checkReturn(step, hiddenUntil: until, life, &lateness)
                }
            default: break
            }
        }
        return returned
    }

    private mutating func foundCameBack(_ life: Lives.Life, at nanoseconds: Int64) {
        let after = Self.seconds(nanoseconds)
        self.found(.cameBack, "\(life.id) came back \(after) after its acknowledgement") {
            $0.story(of: life)
        }
    }

    private mutating func checkReturn(
        _ delivery: Lives.Step, hiddenUntil: Int64, _ life: Lives.Life, _ lateness: inout Lateness
    ) {
        if delivery.at < hiddenUntil - Self.earlyNanosecondsMax {
            let by = Self.seconds(hiddenUntil - delivery.at)
            return self.found(.seenByTwo, "\(life.id) was shown \(by) too early") {
                $0.story(of: life)
            }
        }
        self.checkTime(
            of: delivery, earliest: hiddenUntil, latest: hiddenUntil,
            max: Self.comesBackWithinMax, life, &lateness)
    }
}
