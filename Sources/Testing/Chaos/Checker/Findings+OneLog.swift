// One log: a place in a queue names one message, for every reader, for ever.

extension Findings {
    private struct Sighting {
        var place: Record.Place
        var identity: Record.Identity
        /// The delivery's index, or -1 for the final read.
        var delivery: Int
    }

    mutating func checkOneLog() {
        self.checkPlaces()
        self.checkHoles()
        self.checkAcknowledgedPlaces()
        self.checkStoredOnce()
    }

    /// All readers of a place must have seen the same, and the final read must see it too.
    private mutating func checkPlaces() {
        var sightings = self.record.drained.map {
            Sighting(place: $0.place, identity: $0.identity, delivery: -1)
        }
        for (index, delivery) in self.record.deliveries.enumerated() where !delivery.isRetry {
            sightings.append(
                Sighting(place: delivery.place, identity: delivery.identity, delivery: index))
        }
        // The final read comes first at its place.
        sightings.sort { ($0.place, $0.delivery) < ($1.place, $1.delivery) }
        var start = 0
        while start < sightings.count {
            let place = sightings[start].place
            var end = start
            while end < sightings.count, sightings[end].place == place { end += 1 }
            self.checkPlace(sightings[start..<end])
            start = end
        }
    }

    private mutating func checkPlace(_ sightings: ArraySlice<Sighting>) {
        guard let first = sightings.first else { return }
        if let other = sightings.first(where: { $0.identity != first.identity }) {
            self.found(.conflicting, "\(self.tell.text(first.place)) showed two messages") { tell in
                [first, other].map {
                    let reader =
                        $0.delivery < 0 ? "final read" : tell.reader(ofDelivery: $0.delivery)
                    return "\(reader): \(tell.text($0.identity))"
                }
            }
        }
        if first.delivery >= 0, self.record.drainedRanges[first.place.queue] != nil {
            let what = self.tell.text(first.identity)
            self.found(.vanished, "\(what) was delivered and is gone") { tell in
                ["\(tell.reader(ofDelivery: first.delivery)): \(what) at \(tell.text(first.place))"]
                    + tell.neighbourhood(of: first.place, in: FinalLog(tell.record))
            }
        }
    }

    /// Every place of a queue from its first to its last holds a message.
    private mutating func checkHoles() {
        let log = FinalLog(self.record)
        var next: [Int32: Int64] = self.record.drainedRanges.mapValues(\.lowerBound)
        for row in log.rows {
            guard let range = self.record.drainedRanges[row.place.queue],
                range.contains(row.place.offset), let expected = next[row.place.queue]
            else { continue }
            self.checkGap(from: expected, to: row.place.offset, queue: row.place.queue, log)
            next[row.place.queue] = max(expected, row.place.offset + 1)
        }
        for (queue, range) in self.record.drainedRanges.sorted(by: { $0.key < $1.key }) {
            let expected = next[queue] ?? range.lowerBound
            self.checkGap(from: expected, to: range.upperBound, queue: queue, log)
        }
    }

    private mutating func checkGap(
        from start: Int64, to end: Int64, queue: Int32, _ log: FinalLog
    ) {
        guard start < end else { return }
        let name = self.record.queues[queue].text
        self.found(.hole, "\(name) has nothing at offsets \(start) to \(end - 1)") { tell in
            tell.neighbourhood(of: Record.Place(queue: queue, offset: start), in: log)
        }
    }

    /// The offset in the acknowledgement is where the message lies.
    private mutating func checkAcknowledgedPlaces() {
        for attempt in self.record.attempts where attempt.outcome == .acknowledged {
            guard let promised = attempt.place, let found = attempt.foundAt, promised != found
            else { continue }
            let summary = "\(self.record.id(attempt)) lies elsewhere than its broker said"
            self.found(.misplaced, summary) { tell in
                tell.story(of: attempt) + ["the final read finds it at \(tell.text(found))"]
            }
        }
    }

    private mutating func checkStoredOnce() {
        for row in self.record.drained where row.identity >= 0 {
            let attempt = self.record.attempts[Int(row.identity)]
            guard let first = attempt.foundAt, first != row.place else { continue }
            self.found(.storedTwice, "\(self.record.id(attempt)) lies at two places") { tell in
                tell.story(of: attempt)
                    + [first, row.place].map { "the final read finds it at \(tell.text($0))" }
            }
        }
    }
}
