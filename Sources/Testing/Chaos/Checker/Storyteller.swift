internal import MessageFormat

/// Tells how a finding came about: a few lines, in the order of time.
struct Storyteller {
    let record: Record

    /// Seconds since the history began.
    func time(_ nanoseconds: Int64) -> String {
        let milliseconds = (nanoseconds - (self.record.firstAt ?? 0)) / 1_000_000
        let fraction = String(milliseconds % 1000)
        let padding = String(repeating: "0", count: max(0, 3 - fraction.count))
        return "\(milliseconds / 1000).\(padding)\(fraction) s"
    }

    func text(_ place: Record.Place) -> String {
        "\(self.record.queues[place.queue].text) offset \(place.offset)"
    }

    func text(_ identity: Record.Identity) -> String {
        identity >= 0
            ? self.record.id(self.record.attempts[Int(identity)]).description
            : "another message (crc \(String(-1 - identity, radix: 16)))"
    }

    /// The life of an attempt as its sender saw it.
    func story(of attempt: Record.Attempt) -> [String] {
        let id = self.record.id(attempt)
        var story: [String] = []
        if let sentAt = attempt.sentAt { story.append("\(self.time(sentAt)) send of \(id) begins") }
        if let answeredAt = attempt.answeredAt, let outcome = attempt.outcome {
            let place = attempt.place.map { " at \(self.text($0))" } ?? ""
            let status = attempt.status >= 0 ? " (\(self.record.statuses[attempt.status]))" : ""
            story.append("\(self.time(answeredAt)) \(outcome.rawValue)\(status)\(place)")
        }
        return story + self.faults(from: attempt.sentAt, to: attempt.answeredAt)
    }

    func reader(ofDelivery index: Int) -> String {
        let delivery = self.record.deliveries[index]
        return "\(self.time(delivery.at)) consumer \(self.record.consumers[delivery.consumer])"
    }

    /// What was broken meanwhile.
    func faults(from start: Int64?, to end: Int64?) -> [String] {
        guard let start else { return [] }
        // What strikes just after the answer is what most often takes a message away.
        let until = (end ?? start) + 1_000_000_000
        return self.record.faults.filter { $0.overlaps(start, until) }.prefix(3).map { window in
            let end = window.endedAt.map { " to \(self.time($0))" } ?? ", never healed"
            let fault = window.fault
            return "fault \(fault.name) \(fault.target) from \(self.time(window.beganAt))\(end)"
        }
    }

    /// What the final read shows around a place.
    func neighbourhood(of place: Record.Place, in log: FinalLog) -> [String] {
        guard let range = self.record.drainedRanges[place.queue] else {
            return ["the queue was never read back"]
        }
        var story = [
            "final read of \(self.record.queues[place.queue].text): "
                + "offsets \(range.lowerBound) to \(range.upperBound - 1)"
        ]
        if place.offset >= range.upperBound {
            story.append("the queue ends before offset \(place.offset)")
        }
        for offset in (place.offset - 1)...(place.offset + 1) where range.contains(offset) {
            let identity = log.identity(at: Record.Place(queue: place.queue, offset: offset))
            story.append("offset \(offset): \(identity.map(self.text) ?? "nothing")")
        }
        return story
    }
}
