/// Where a log differs from what its broker wrote, because of a fault of its disk: checks cannot ask
/// for these bytes there.
struct DamagedRanges {
    private(set) var ranges: [Range<Int64>] = []

    mutating func note(_ range: Range<Int64>) { self.ranges.append(range) }

    /// A broker that cuts off damage loses what lies behind it, too, until it has it again.
    mutating func cut(to end: Int64) {
        guard self.ranges.contains(where: { $0.upperBound > end }) else { return }
        self.ranges.removeAll { $0.lowerBound >= end }
        self.ranges.append(end..<Int64.max)
    }

    /// These bytes were written anew.
    mutating func mend(_ written: Range<Int64>) {
        self.ranges = self.ranges.flatMap { range -> [Range<Int64>] in
            let parts = [
                range.lowerBound..<max(range.lowerBound, min(range.upperBound, written.lowerBound)),
                min(range.upperBound, max(range.lowerBound, written.upperBound))..<range.upperBound,
            ]
            return range.overlaps(written) ? parts.filter { !$0.isEmpty } : [range]
        }
    }
}
