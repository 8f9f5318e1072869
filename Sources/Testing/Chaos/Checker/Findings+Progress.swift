// A group's committed offset passes only what the group has had, and never goes back.

extension Findings {
    mutating func checkProgress() {
        var committed: [Int32: [Int32: Int64]] = [:]
        for commit in self.record.commits {
            let before = committed[commit.group]?[commit.place.queue] ?? 0
            if commit.place.offset < before { self.foundProgressLost(commit, before) }
            committed[commit.group, default: [:]][commit.place.queue] = commit.place.offset
        }
        for group in self.record.groups.values.indices {
            self.checkReached(Int32(group), committed: committed[Int32(group)] ?? [:])
        }
    }

    private mutating func foundProgressLost(
        _ commit: (group: Int32, place: Record.Place), _ before: Int64
    ) {
        let group = self.record.groups[commit.group]
        let queue = self.record.queues[commit.place.queue].text
        self.found(.progressLost, "the committed offset of \(group) on \(queue) went back") {
            tell in
            ["it was \(before), then \(commit.place.offset)"]
        }
    }

    /// Every acknowledged message must have reached the group.
    private mutating func checkReached(_ group: Int32, committed: [Int32: Int64]) {
        var isDelivered = [Bool](repeating: false, count: self.record.attempts.count)
        for delivery in self.record.deliveries
        where delivery.group == group && delivery.identity >= 0 {
            isDelivered[Int(delivery.identity)] = true
        }
        var waiting = 0
        for (index, attempt) in self.record.attempts.enumerated() where !isDelivered[index] {
            guard self.record.isOwn(attempt), attempt.outcome == .acknowledged,
                let place = attempt.foundAt
            else { continue }
            if place.offset < committed[place.queue] ?? 0 {
                self.foundSkipped(attempt, at: place, group: group, committed: committed)
            } else {
                waiting += 1
            }
        }
        guard waiting > 0 else { return }
        self.verdict.undelivered += waiting
        let name = self.record.groups[group]
        self.doubt("\(waiting) acknowledged messages had not reached group \(name) at the end")
    }

    private mutating func foundSkipped(
        _ attempt: Record.Attempt, at place: Record.Place, group: Int32,
        committed: [Int32: Int64]
    ) {
        let id = self.record.id(attempt)
        let name = self.record.groups[group]
        self.found(.skipped, "\(id) never reached group \(name), which has passed it") { tell in
            tell.story(of: attempt) + [
                "it lies at \(tell.text(place)); "
                    + "the group has committed \(committed[place.queue] ?? 0)"
            ]
        }
    }
}
