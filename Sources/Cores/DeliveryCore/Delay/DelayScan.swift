internal import MessageFormat

/// One walk over the index of the queue of parked messages, in steps, to refill the window.
///
/// It covers what was confirmed when it began; what is confirmed later is offered one by one.
struct DelayScan: Sendable {
    private struct Current: Sendable {
        var number: Int64
        var next: QueueOffset
        var end: QueueOffset
        var isWhole: Bool
        var extent = DelayExtent()
    }

    let end: QueueOffset
    /// The earliest messages behind the window's end so far.
    private(set) var gathered: DelayWindow
    /// The next one last.
    private var remaining: [Int64]
    private var remainingSet: Set<Int64>
    private var current: Current?
    /// A step was handed out and has not come back.
    private(set) var isOut = false

    init(stretches: [Int64], end: QueueOffset, countMax: Int) {
        self.end = end
        self.gathered = DelayWindow(countMax: countMax, end: nil)
        self.remaining = stretches.reversed()
        self.remainingSet = Set(stretches)
    }

    /// Whether the scan is still to come past an offset.
    func willSee(_ offset: QueueOffset, in stretches: DelayStretches) -> Bool {
        guard offset < self.end else { return false }
        let number = stretches.number(of: offset)
        if let current = self.current, current.number == number { return offset >= current.next }
        return self.remainingSet.contains(number)
    }

    /// The next step, at most `count` offsets. Nil: the scan is over.
    mutating func nextStep(
        of count: Int, in stretches: DelayStretches
    ) -> Range<QueueOffset>? {
        while self.current == nil, let number = self.remaining.popLast() {
            self.remainingSet.remove(number)
            self.begin(number, in: stretches)
        }
        guard let current = self.current else { return nil }
        self.isOut = true
        return current.next..<min(current.end, current.next.advanced(by: max(1, count)))
    }

    private mutating func begin(_ number: Int64, in stretches: DelayStretches) {
        guard self.gathered.covers(stretches.first(of: number)) else { return }
        let offsets = stretches.offsets(of: number)
        let start = max(offsets.lowerBound, stretches.floor)
        let end = min(offsets.upperBound, self.end)
        guard start < end else { return }
        self.current = Current(
            number: number, next: start, end: end, isWhole: end == offsets.upperBound)
    }

    /// Where the step that is out, or the next one, begins.
    var nextOffset: QueueOffset? { self.current?.next }

    mutating func offer(_ message: PendingDelay) { _ = self.gathered.offer(message) }

    /// Whether an offset belongs to the step that is out.
    func isAwaited(_ offset: QueueOffset) -> Bool {
        self.current.map { $0.next <= offset && offset < $0.end } ?? false
    }

    mutating func include(_ key: DelayKey) { self.current?.extent.include(key) }

    /// The step has come back and covers everything before `end`.
    mutating func stepped(to end: QueueOffset, noting stretches: inout DelayStretches) {
        self.isOut = false
        guard var current = self.current else { return }
        current.next = max(current.next, min(end, current.end))
        self.current = current
        guard current.next == current.end else { return }
        stretches.scanned(current.number, current.extent, isWhole: current.isWhole)
        self.current = nil
    }
}
