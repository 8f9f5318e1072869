private import DequeModule

/// One queue's numbers: which are under way, which were given up, up to where all is done.
///
/// Invariant: `done` is the highest number up to which every one is done.
struct NumberedQueue: Sendable {
    private(set) var generation = 1
    private(set) var done: Int64 = 0
    /// Whether each number after `done` is done with.
    private var isDone: Deque<Bool> = []
    /// Until a message that lists them is stored.
    private(set) var givenUp: [(number: Int64, announcedFrom: Int64)] = []

    var next: Int64 { self.done + Int64(self.isDone.count) + 1 }

    /// How far numbers lie above what is done with.
    var span: Int64 { Int64(self.isDone.count) }

    /// Nil if it must wait: the window is full, or a new numbering must begin and cannot yet.
    mutating func take(_ count: Int, _ settings: IdempotentSettings) -> ClosedRange<Int64>? {
        if self.givenUp.count >= settings.givenUpMax {
            // A new numbering knows nothing of the old one: who is under way must arrive first.
            guard self.isDone.isEmpty else { return nil }
            self = NumberedQueue(after: self.generation)
        }
        guard self.span + Int64(count) <= settings.windowMax else { return nil }
        let first = self.next
        self.isDone.append(contentsOf: repeatElement(false, count: count))
        return first...(first + Int64(count) - 1)
    }

    /// Readers of this queue will see these, and with them all that the highest announced.
    mutating func acknowledged(_ numbers: ClosedRange<Int64>) {
        self.givenUp.removeAll { $0.announcedFrom <= numbers.upperBound }
        self.finish(numbers)
    }

    mutating func gaveUp(_ numbers: ClosedRange<Int64>) {
        for number in numbers { self.givenUp.append((number, self.next)) }
        self.finish(numbers)
    }

    private mutating func finish(_ numbers: ClosedRange<Int64>) {
        for number in numbers { self.isDone[Int(number - self.done - 1)] = true }
        while self.isDone.first == true {
            self.isDone.removeFirst()
            self.done += 1
        }
    }

    init() {}

    private init(after generation: Int) { self.generation = generation + 1 }
}
