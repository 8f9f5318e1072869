/// The bytes of one file: as processes see them, and what a power cut may undo of them.
final class VirtualFile {
    /// What a disk writes or does not write, never by halves.
    static let sectorBytes = 512

    private struct Pending {
        let offset: Int
        let before: [UInt8]
        let after: [UInt8]
    }

    private(set) var bytes: [UInt8] = []
    /// Written and not flushed, oldest first.
    private var pending: [Pending] = []

    init(_ bytes: [UInt8] = []) { self.bytes = bytes }

    var hasPending: Bool { !self.pending.isEmpty }

    func write(_ new: [UInt8], at offset: Int) {
        let end = offset + new.count
        if end > self.bytes.count {
            self.bytes.append(contentsOf: repeatElement(0, count: end - self.bytes.count))
        }
        self.pending.append(
            Pending(offset: offset, before: Array(self.bytes[offset..<end]), after: new))
        self.bytes.replaceSubrange(offset..<end, with: new)
    }

    func flush() { self.pending.removeAll() }

    /// Durable at once, like the flush of a file's size.
    func truncate(to count: Int) {
        if count < self.bytes.count { self.bytes.removeLast(self.bytes.count - count) }
        self.pending.removeAll()
    }

    /// Whether a power cut leaves these bytes as they are.
    func isDurable(_ range: Range<Int>) -> Bool {
        guard range.upperBound <= self.bytes.count else { return false }
        return !self.pending.contains {
            $0.offset < range.upperBound && range.lowerBound < $0.offset + $0.after.count
        }
    }

    /// Where the earliest byte lies that is written and not durable.
    var durableEnd: Int { self.pending.map(\.offset).min() ?? self.bytes.count }

    /// Of what was not flushed, the disk keeps what it likes.
    func losePower(_ random: inout SeededGenerator) {
        let writes = self.pending
        self.pending.removeAll()
        for write in writes.reversed() { self.put(write.before[...], at: write.offset) }
        switch random.below(4) {
        case 0: break
        case 1: self.keep(writes.prefix(random.below(writes.count + 1)))
        case 2: self.keep(writes.suffix(random.below(writes.count + 1)))
        default: for write in writes { self.keepSectors(of: write, &random) }
        }
    }

    /// A bit that has changed by itself, at rest.
    func flipBit(_ bit: Int, at offset: Int) { self.bytes[offset] ^= 1 << UInt8(bit) }

    private func keep(_ writes: ArraySlice<Pending>) {
        for write in writes { self.put(write.after[...], at: write.offset) }
    }

    /// Sectors of the same write may be kept or not, each by itself: a torn write.
    private func keepSectors(of write: Pending, _ random: inout SeededGenerator) {
        var start = 0
        while start < write.after.count {
            let border =
                (write.offset + start) / Self.sectorBytes * Self.sectorBytes
                + Self.sectorBytes - write.offset
            let end = min(border, write.after.count)
            if random.oneIn(2) { self.put(write.after[start..<end], at: write.offset + start) }
            start = end
        }
    }

    private func put(_ part: ArraySlice<UInt8>, at offset: Int) {
        self.bytes.replaceSubrange(offset..<(offset + part.count), with: part)
    }
}
