/// Messages of one window that were popped together and are not acknowledged yet.
struct PopPiece: Hashable, Sendable {
    /// Bit n stands for the window's offset n.
    var bits: UInt64
    var popTime: Int64
    var visibleAt: Int64
    /// The pop time of the handle that was exchanged for this one; 0 if none was.
    var changedFrom: Int64
    /// When to look at it again. Later than `visibleAt` while its return is under way, earlier when
    /// the connection closed that held it. Not part of the state.
    var dueAt: Int64

    init(bits: UInt64, popTime: Int64, visibleAt: Int64, changedFrom: Int64 = 0) {
        self.bits = bits
        self.popTime = popTime
        self.visibleAt = visibleAt
        self.changedFrom = changedFrom
        self.dueAt = visibleAt
    }

    func isOfSameDelivery(as other: Self) -> Bool {
        self.popTime == other.popTime && self.visibleAt == other.visibleAt
            && self.changedFrom == other.changedFrom
    }
}

/// What of one queue is in flight: popped, and not acknowledged yet.
///
/// Offsets are kept as bits of aligned windows of 64, so that a run of messages popped together
/// takes some 40 bytes, not as much for each.
struct PopFlight: Sendable {
    /// No queue comes that far; arithmetic below it cannot overflow.
    static let offsetMax = Int64(1) << 60

    private(set) var windows: [Int64: [PopPiece]] = [:]
    private var order = SortedNumbers<Int64>()
    /// Messages in flight.
    private(set) var count = 0
    private(set) var pieceCount = 0

    static func window(of offset: Int64) -> Int64 { offset >> 6 }
    static func bit(of offset: Int64) -> UInt64 { 1 << UInt64(offset & 63) }
    static func offsets(_ bits: UInt64, in window: Int64) -> [Int64] {
        (0..<64).filter { bits & (1 << UInt64($0)) != 0 }.map { window << 6 + Int64($0) }
    }

    /// Ascending.
    var windowNumbers: [Int64] { self.order.numbers }

    /// The smallest offset in flight.
    var first: Int64? {
        guard let window = self.order.first, let pieces = self.windows[window] else { return nil }
        let bits = pieces.reduce(0) { $0 | $1.bits }
        return window << 6 + Int64(bits.trailingZeroBitCount)
    }

    func piece(of offset: Int64) -> PopPiece? {
        self.windows[Self.window(of: offset)]?.first { $0.bits & Self.bit(of: offset) != 0 }
    }

    /// These are in flight now, as said, whatever was known of them before.
    mutating func put(_ piece: PopPiece, in window: Int64) {
        guard piece.bits != 0 else { return }
        self.remove(piece.bits, in: window) { _ in true }
        if self.windows[window] == nil { self.order.insert(window) }
        let same = self.windows[window]?.firstIndex {
            $0.isOfSameDelivery(as: piece) && $0.dueAt == piece.dueAt
        }
        if let same {
            self.windows[window]?[same].bits |= piece.bits
        } else {
            self.windows[window, default: []].append(piece)
            self.pieceCount += 1
        }
        self.count += piece.bits.nonzeroBitCount
    }

    /// Takes out those of the bits whose piece is meant. Returns which.
    @discardableResult
    mutating func remove(
        _ bits: UInt64, in window: Int64, where isMeant: (PopPiece) -> Bool
    ) -> UInt64 {
        guard let count = self.windows[window]?.count else { return 0 }
        var removed = UInt64(0)
        for index in (0..<count).reversed() {
            guard let piece = self.windows[window]?[index], piece.bits & bits != 0, isMeant(piece)
            else { continue }
            removed |= piece.bits & bits
            self.windows[window]?[index].bits &= ~bits
            guard piece.bits & ~bits == 0 else { continue }
            self.windows[window]?.remove(at: index)
            self.pieceCount -= 1
        }
        self.count -= removed.nonzeroBitCount
        if self.windows[window]?.isEmpty == true {
            self.windows[window] = nil
            self.order.remove(window)
        }
        return removed
    }

    /// Takes out those of a window that are to be looked at now, and puts them off.
    mutating func takeDue(in window: Int64, at now: Int64, next: Int64) -> [PopPiece] {
        guard let pieces = self.windows[window] else { return [] }
        let due = pieces.filter { $0.dueAt <= now }.sorted { $0.popTime < $1.popTime }
        for var piece in due {
            piece.dueAt = next
            self.put(piece, in: window)
        }
        return due
    }

    /// Those of one pop are to be looked at from `time` on, but for those that are already.
    mutating func hasten(
        _ bits: UInt64, in window: Int64, popTime: Int64, to time: Int64
    ) -> Bool {
        let hidden = (self.windows[window] ?? []).filter {
            $0.bits & bits != 0 && $0.popTime == popTime && $0.visibleAt > time
        }
        for var piece in hidden {
            piece.bits &= bits
            piece.dueAt = time
            self.put(piece, in: window)
        }
        return !hidden.isEmpty
    }

    /// A window's pieces as they belong into the log: one for each delivery, sorted.
    func canonicalPieces(in window: Int64) -> [PopPiece] {
        var pieces: [PopPiece] = []
        for piece in self.windows[window] ?? [] {
            if let same = pieces.firstIndex(where: { $0.isOfSameDelivery(as: piece) }) {
                pieces[same].bits |= piece.bits
            } else {
                pieces.append(piece)
            }
        }
        return pieces.sorted {
            ($0.popTime, $0.visibleAt, $0.bits) < ($1.popTime, $1.visibleAt, $1.bits)
        }
    }

    func checkInvariants() {
        self.order.checkInvariants()
        precondition(Set(self.order.numbers) == Set(self.windows.keys))
        let pieces = self.windows.values.joined()
        precondition(self.pieceCount == pieces.count)
        precondition(self.count == pieces.reduce(0) { $0 + $1.bits.nonzeroBitCount })
        for pieces in self.windows.values {
            precondition(!pieces.isEmpty, "a window without messages is forgotten")
            precondition(pieces.allSatisfy { $0.bits != 0 })
            let all = pieces.reduce(0) { $0 | $1.bits }
            precondition(
                all.nonzeroBitCount == pieces.reduce(0) { $0 + $1.bits.nonzeroBitCount },
                "a message is in flight once")
        }
    }
}
