package import MessageFormat

/// The producer's half of "a resend is stored once": numbers messages per queue, and says where
/// one may be sent again.
///
/// A number belongs to its queue. As long as an attempt may have stored the message, it is sent
/// again to that queue only, with that number; the broker recognizes it. When it is known that
/// nothing was stored the message may move on, and the number is given up. With each message goes
/// up to which number all is done, so that the broker may forget.
package struct IdempotentWindow: Sendable {
    private struct Place: Sendable {
        var queue: MessageQueue
        var numbers: ClosedRange<Int64>
        var since: Tick
        /// An attempt ended without proof that it stored nothing.
        var mayBeStored = false
        /// Attempts that have not ended.
        var attempts = 0

        /// Whether it is certain that nothing was stored, and nothing can be any more.
        var isFree: Bool { !self.mayBeStored && self.attempts <= 0 }
    }

    private let session: String
    private let settings: IdempotentSettings
    private var queues: [MessageQueue: NumberedQueue] = [:]
    private var places: [String: Place] = [:]

    /// `session` must differ from every other producer's, now and ever. With what is added when
    /// numbers begin anew it must not be longer than 64 bytes.
    package init(session: String, settings: IdempotentSettings = IdempotentSettings()) {
        precondition((1...48).contains(session.utf8.count), "brokers take sessions of 64 bytes")
        self.session = session
        self.settings = settings
    }

    /// Messages and batches that are neither answered nor given up.
    package var underWay: Int { self.places.count }

    /// An attempt to send the message, or the batch of `count` messages, to `queue` begins.
    package mutating func attempt(
        _ id: String, count: Int = 1, on queue: MessageQueue, at now: Tick
    ) throws(IdempotentRefusal) -> IdempotentStamps {
        if let place = self.places[id] {
            if place.queue == queue { return try self.again(id, place, count, at: now) }
            guard place.isFree else { throw .boundTo(queue: "\(place.queue)") }
        }
        let numbers = try self.take(max(1, count), on: queue)
        self.gaveUp(id)
        self.places[id] = Place(queue: queue, numbers: numbers, since: now, attempts: 1)
        return self.stamps(numbers, on: queue)
    }

    private mutating func again(
        _ id: String, _ place: Place, _ count: Int, at now: Tick
    ) throws(IdempotentRefusal) -> IdempotentStamps {
        guard place.numbers.count == max(1, count) else {
            throw .otherBatch(count: place.numbers.count)
        }
        if place.isFree { self.places[id]?.since = now }
        guard place.isFree || now - place.since < self.settings.ageMax else { throw .tooOld }
        self.places[id]?.attempts += 1
        return self.stamps(place.numbers, on: place.queue)
    }

    private mutating func take(
        _ count: Int, on queue: MessageQueue
    ) throws(IdempotentRefusal) -> ClosedRange<Int64> {
        guard self.queues[queue] != nil || self.queues.count < self.settings.queuesMax else {
            throw .tooManyQueues(limit: self.settings.queuesMax)
        }
        guard let numbers = self.queues[queue, default: NumberedQueue()].take(count, self.settings)
        else {
            throw .windowFull(
                underWay: self.queues[queue]?.span ?? 0, windowMax: self.settings.windowMax)
        }
        return numbers
    }

    private func stamps(_ numbers: ClosedRange<Int64>, on queue: MessageQueue) -> IdempotentStamps {
        let numbered = self.queues[queue] ?? NumberedQueue()
        return IdempotentStamps(
            session: "\(self.session).\(numbered.generation)", numbers: numbers,
            done: min(numbered.done, numbers.lowerBound - 1),
            highest: max(numbered.next - 1, numbers.upperBound),
            givenUp: numbered.givenUp.map(\.number).filter { $0 < numbers.upperBound }.sorted())
    }
}

// What becomes of attempts.
extension IdempotentWindow {
    /// An attempt is over. An acknowledgement settles the message; everything else leaves it to
    /// the caller to try again or to give up.
    package mutating func ended(_ id: String, _ outcome: AttemptOutcome) {
        guard let place = self.places[id] else { return }
        switch outcome {
        case .acknowledged:
            self.places[id] = nil
            self.queues[place.queue]?.acknowledged(place.numbers)
        case .unknown:
            self.places[id]?.attempts -= 1
            self.places[id]?.mayBeStored = true
        case .refused:
            self.places[id]?.attempts -= 1
        }
    }

    /// Nobody will send the message again.
    ///
    /// Returns whether it may be stored: then the caller must hear that the outcome is unknown.
    @discardableResult
    package mutating func gaveUp(_ id: String) -> Bool {
        guard let place = self.places.removeValue(forKey: id) else { return false }
        self.queues[place.queue]?.gaveUp(place.numbers)
        return !place.isFree
    }

    /// Where a message may be sent next.
    package enum Next: Hashable, Sendable {
        /// Nothing of it is stored anywhere: choose any queue.
        case anywhere
        case only(MessageQueue)
        /// Its queue has no master now. It can only come back: wait, as long as the deadline lets.
        case wait(for: MessageQueue)
        /// Its queue is gone, the broker has fewer now: give it up, the outcome is unknown.
        case gone(MessageQueue)
        /// Brokers may have forgotten that they have it: give it up, the outcome is unknown.
        case tooOld
    }

    /// `route` holds every queue of the topic that takes messages now.
    package func next(for id: String, route: [MessageQueue], at now: Tick) -> Next {
        guard let place = self.places[id], !place.isFree else { return .anywhere }
        guard now - place.since < self.settings.ageMax else { return .tooOld }
        if route.contains(place.queue) { return .only(place.queue) }
        let hasBroker = route.contains {
            $0.topic == place.queue.topic && $0.brokerName == place.queue.brokerName
        }
        return hasBroker ? .gone(place.queue) : .wait(for: place.queue)
    }

    package func checkInvariants() {
        for (queue, numbered) in self.queues {
            let open = self.places.values.filter { $0.queue == queue }.flatMap { Array($0.numbers) }
            precondition(Set(open).count == open.count, "each number has one message")
            precondition(numbered.done + 1 == open.min() ?? numbered.next, "done is exact")
            precondition(open.allSatisfy { $0 < numbered.next })
            precondition(numbered.span <= self.settings.windowMax)
        }
    }
}
