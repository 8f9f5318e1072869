internal import MessageFormat

// Orderly consumption: one handler at a time for each queue, each message only when the one before
// is done with, whoever holds the queue.

extension Findings {
    private struct Event {
        var step: Lives.Step
        var life: Int
    }

    mutating func checkOrderly(_ lives: [Lives.Life]) {
        for life in lives { self.checkFinished(life) }
        var queues: [MessageQueue: [Event]] = [:]
        for (index, life) in lives.enumerated() {
            for step in life.steps {
                queues[step.position.queue, default: []].append(Event(step: step, life: index))
            }
        }
        var handOvers = 0
        for (_, events) in queues.sorted(by: { $0.key < $1.key }) {
            // A member's steps were appended in its own order.
            let order = events.enumerated().sorted { left, right in
                (left.element.step.at, left.offset) < (right.element.step.at, right.offset)
            }
            handOvers += self.checkQueue(order.map(\.element), lives)
        }
        self.checkSenders(lives)
        let failures = lives.reduce(0) { $0 + $1.failures }
        self.note(
            "\(queues.count) queues, \(handOvers) hand-overs between members, \(failures) failures")
    }

    /// - Returns: how often another member went on.
    private mutating func checkQueue(_ events: [Event], _ lives: [Lives.Life]) -> Int {
        var handOvers = 0
        var working: Event?
        var last: Event?
        var done: Set<Int64> = []
        let first = events.first?.step.position.offset.value ?? 0
        for event in events {
            let offset = event.step.position.offset.value
            guard event.step.isDelivery else {
                if event.step.treatment == .done { done.insert(offset) }
                working = nil
                continue
            }
            if let working { self.foundOverlap(event, working, lives) }
            if offset > first, !done.contains(offset - 1) {
                self.foundTooSoon(event, lives)
            }
            if done.contains(offset), let before = last {
                self.countRepetition(of: event.step, after: before.step, lives[event.life])
            }
            if let last, last.step.member != event.step.member { handOvers += 1 }
            working = event
            last = event
        }
        return handOvers
    }

    private mutating func foundOverlap(_ event: Event, _ working: Event, _ lives: [Lives.Life]) {
        let queue = event.step.position.queue.text
        self.found(.overlapped, "two handlers worked on \(queue) at the same time") { tell in
            tell.story(of: lives[working.life]) + tell.story(of: lives[event.life])
        }
    }

    private mutating func foundTooSoon(_ event: Event, _ lives: [Lives.Life]) {
        let life = lives[event.life]
        self.found(.reordered, "\(life.id) was handled before the one before it was done with") {
            $0.story(of: life)
        }
    }

    /// What one sender has sent, one after the other, is first done with in that order.
    private mutating func checkSenders(_ lives: [Lives.Life]) {
        for (_, lives) in Dictionary(grouping: lives, by: \.id.client).sorted(by: {
            $0.key < $1.key
        }) {
            var latest: (at: Int64, life: Lives.Life)?
            for life in lives {
                guard let done = life.steps.first(where: { $0.treatment == .done }) else {
                    continue
                }
                if let latest, done.at < latest.at {
                    self.found(.reordered, "\(life.id) was done with before \(latest.life.id)") {
                        $0.story(of: latest.life) + $0.story(of: life)
                    }
                }
                latest = (done.at, life)
            }
        }
    }
}
