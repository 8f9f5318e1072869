internal import HeapModule
internal import MessageFormat

/// The earliest pending messages, at most `countMax` of them.
///
/// Complete up to its end: a pending message that is `covered` is in here. What is too late to stay
/// moves the end forward, and is found again by a scan of the queue's index.
struct DelayWindow: Sendable {
    let countMax: Int
    /// The first key that may be missing. Nil: none is.
    private(set) var end: DelayKey?
    private var messages: Heap<PendingDelay> = []

    init(countMax: Int, end: DelayKey?) {
        self.countMax = max(1, countMax)
        self.end = end
    }

    var count: Int { self.messages.count }
    var first: PendingDelay? { self.messages.min }
    /// In no order.
    var all: [PendingDelay] { self.messages.unordered }

    func covers(_ key: DelayKey) -> Bool { self.end.map { key < $0 } ?? true }

    /// Takes a message in. Returns the one that is outside now: this, a later one, or none.
    mutating func offer(_ message: PendingDelay) -> PendingDelay? {
        guard self.covers(message.key) else { return message }
        self.messages.insert(message)
        guard self.messages.count > self.countMax, let latest = self.messages.popMax() else {
            return nil
        }
        self.end = latest.key
        return latest
    }

    mutating func popFirst() -> PendingDelay? { self.messages.popMin() }

    mutating func remove(through key: DelayKey) {
        while let first = self.messages.min, first.key <= key { self.messages.removeMin() }
    }

    /// A scan has gathered what lies behind this window's end, up to an end of its own.
    mutating func extend(with later: DelayWindow) {
        self.end = later.end
        for message in later.messages.unordered { self.messages.insert(message) }
        while self.messages.count > self.countMax, let latest = self.messages.popMax() {
            self.end = latest.key
        }
    }

    func checkInvariants() {
        precondition(self.count <= self.countMax, "the window is bounded")
        precondition(self.messages.unordered.allSatisfy { self.covers($0.key) })
        precondition(
            Set(self.messages.unordered.map(\.offset)).count == self.count, "each once")
    }
}
