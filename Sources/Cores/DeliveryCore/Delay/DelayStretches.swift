internal import MessageFormat

/// The earliest and the latest key among some pending messages.
struct DelayExtent: Hashable, Sendable {
    private(set) var first: DelayKey?
    private(set) var last: DelayKey?

    mutating func include(_ key: DelayKey) {
        self.first = self.first.map { min($0, key) } ?? key
        self.last = self.last.map { max($0, key) } ?? key
    }

    mutating func include(_ other: Self) {
        if let first = other.first { self.include(first) }
        if let last = other.last { self.include(last) }
    }
}

/// What is known of the queue of parked messages, stretch by stretch, so that a scan may leave out
/// those in which all has fired or all is too late.
///
/// A stretch is known when every confirmed message in it was seen that was pending at the time. Its
/// extent may be too wide, never too narrow.
struct DelayStretches: Sendable {
    private struct Stretch: Sendable {
        var isKnown: Bool
        var extent = DelayExtent()
    }

    let width: Int64
    private var stretches: [Int64: Stretch] = [:]
    /// Nothing before this offset is pending.
    private(set) var floor = QueueOffset.zero

    init(width: Int) { self.width = Int64(max(1, width)) }

    var count: Int { self.stretches.count }

    func number(of offset: QueueOffset) -> Int64 { offset.value / self.width }

    func offsets(of number: Int64) -> Range<QueueOffset> {
        let start = QueueOffset(number * self.width)
        return start..<start.advanced(by: Int(self.width))
    }

    /// A confirmed message follows those that were seen before. Nil: it is not pending.
    mutating func confirmed(_ offset: QueueOffset, pending key: DelayKey?) {
        guard offset >= self.floor else { return }
        let number = self.number(of: offset)
        let start = max(self.floor, self.offsets(of: number).lowerBound)
        var stretch = self.stretches[number] ?? Stretch(isKnown: offset <= start)
        if let key { stretch.extent.include(key) }
        self.stretches[number] = stretch
    }

    /// A scan has seen all of a stretch, or all that was confirmed when the scan began.
    mutating func scanned(_ number: Int64, _ extent: DelayExtent, isWhole: Bool) {
        guard number >= self.number(of: self.floor) else { return }
        var stretch = Stretch(isKnown: true, extent: extent)
        if !isWhole, let present = self.stretches[number] {
            stretch.extent.include(present.extent)
        }
        self.stretches[number] = stretch
    }

    /// The stretches up to `end` that may hold pending messages: unknown ones first, then by their
    /// earliest key. Nil: there are more than `countMax`.
    func worthScanning(
        after cursor: DelayKey, upTo end: QueueOffset, countMax: Int = 1 << 20
    ) -> [Int64]? {
        guard self.floor < end else { return [] }
        let numbers = self.number(of: self.floor)...self.number(of: end.advanced(by: -1))
        guard numbers.upperBound - numbers.lowerBound < Int64(countMax) else { return nil }
        let worth = numbers.filter { !self.isOver($0, after: cursor) }
        return worth.map { (first: self.first(of: $0), number: $0) }
            .sorted { ($0.first, $0.number) < ($1.first, $1.number) }
            .map(\.number)
    }

    /// No pending message of the stretch is before this.
    func first(of number: Int64) -> DelayKey {
        guard let stretch = self.stretches[number], stretch.isKnown else { return .least }
        return stretch.extent.first ?? .least
    }

    private func isOver(_ number: Int64, after cursor: DelayKey) -> Bool {
        guard let stretch = self.stretches[number], stretch.isKnown else { return false }
        return stretch.extent.last.map { $0 <= cursor } ?? true
    }

    /// Forgets whole stretches from the floor on in which all has fired.
    mutating func advanceFloor(after cursor: DelayKey, confirmedEnd end: QueueOffset) {
        while self.floor < end {
            let number = self.number(of: self.floor)
            let stretchEnd = self.offsets(of: number).upperBound
            guard stretchEnd <= end, self.isOver(number, after: cursor) else { return }
            self.stretches[number] = nil
            self.floor = stretchEnd
        }
    }

    /// Nothing before `offset` is pending.
    mutating func raiseFloor(to offset: QueueOffset) {
        guard offset > self.floor else { return }
        let first = self.number(of: offset)
        if first > self.number(of: self.floor) {
            self.stretches = self.stretches.filter { $0.key >= first }
        }
        self.floor = offset
    }
}
