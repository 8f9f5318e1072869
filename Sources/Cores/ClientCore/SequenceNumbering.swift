private import DequeModule
package import MessageFormat

/// The producer's side of sequence numbers: numbers every message per queue, and tells the reader
/// which numbers may be missing.
///
/// A retry on the same queue keeps its number. A retry on another queue gives the first number up,
/// because nobody knows whether it was stored. Each message carries what is decided by then, so a
/// reader can tell a number that was given up from one that was acknowledged and lost.
package struct SequenceNumbering: Sendable {
    /// Given-up numbers that a message lists at most. Beyond it the queue's numbering begins anew.
    package static let givenUpMax = 64

    private struct Place {
        var queue: MessageQueue
        var generation: Int
        var number: Int64
    }

    private let session: String
    private var queues: [MessageQueue: QueueNumbering] = [:]
    /// Where the messages stand that are neither acknowledged nor given up.
    private var places: [String: Place] = [:]

    /// `session` must differ from every other producer's, now and ever.
    package init(session: String) { self.session = session }

    /// The message is about to be sent to `queue`, for the first time or again.
    package mutating func stamp(message id: String, on queue: MessageQueue) -> SequenceStamp {
        if let place = self.places[id], place.queue == queue,
            place.generation == self.queues[queue]?.generation
        {
            return self.stamp(place.number, on: queue)
        }
        self.gaveUp(message: id)
        let (generation, number) = self.queues[queue, default: QueueNumbering()].take()
        self.places[id] = Place(queue: queue, generation: generation, number: number)
        return self.stamp(number, on: queue)
    }

    /// The message is stored: the place where it was sent last holds it.
    package mutating func acknowledged(message id: String) {
        guard let place = self.remove(id) else { return }
        self.queues[place.queue]?.acknowledged(place.number)
    }

    /// The message failed for good, or moves to another queue.
    package mutating func gaveUp(message id: String) {
        guard let place = self.remove(id) else { return }
        self.queues[place.queue]?.gaveUp(place.number)
    }

    /// Nil also for a place in a numbering that has ended meanwhile.
    private mutating func remove(_ id: String) -> Place? {
        guard let place = self.places.removeValue(forKey: id),
            self.queues[place.queue]?.generation == place.generation
        else { return nil }
        return place
    }

    private func stamp(_ number: Int64, on queue: MessageQueue) -> SequenceStamp {
        let numbering = self.queues[queue] ?? QueueNumbering()
        return SequenceStamp(
            session: "\(self.session).\(numbering.generation)", number: number,
            highest: max(numbering.next - 1, number),
            decided: min(numbering.decided, number - 1),
            givenUp: numbering.givenUp.map(\.number).filter { $0 < number }.sorted())
    }
}

/// One queue's numbers.
private struct QueueNumbering: Sendable {
    private(set) var generation = 1
    private(set) var givenUp: [(number: Int64, announcedFrom: Int64)] = []
    /// Whether each number after `decided` is decided.
    private var isDecided: Deque<Bool> = []
    private(set) var decided: Int64 = 0

    var next: Int64 { self.decided + Int64(self.isDecided.count) + 1 }

    mutating func take() -> (generation: Int, number: Int64) {
        if self.givenUp.count >= SequenceNumbering.givenUpMax {
            self = QueueNumbering(after: self.generation)
        }
        let number = self.next
        self.isDecided.append(false)
        return (self.generation, number)
    }

    /// Readers of this queue will see `number`, and with it everything that it announced.
    mutating func acknowledged(_ number: Int64) {
        self.givenUp.removeAll { $0.announcedFrom <= number }
        self.decide(number)
    }

    mutating func gaveUp(_ number: Int64) {
        self.givenUp.append((number, self.next))
        self.decide(number)
    }

    private mutating func decide(_ number: Int64) {
        self.isDecided[Int(number - self.decided - 1)] = true
        while self.isDecided.first == true {
            self.isDecided.removeFirst()
            self.decided += 1
        }
    }

    init() {}

    private init(after generation: Int) { self.generation = generation + 1 }
}
