/// Counts durations in buckets whose width grows with the value: no bucket is wider than 1/64 of
/// what it holds, and up to 127 units each value has its own.
///
/// Adding is a few instructions, and histograms of several threads add up.
package struct LatencyHistogram: Hashable, Sendable {
    /// Buckets per power of two.
    private static let bits = 6

    private var counts = [Int](repeating: 0, count: (64 - Self.bits) << Self.bits)
    package private(set) var count = 0
    package private(set) var max: Int64 = 0
    private var sum: Int64 = 0

    package init() {}

    /// Negative values count as 0.
    package mutating func add(_ value: Int64) {
        let value = Swift.max(0, value)
        self.counts[Self.bucket(of: UInt64(value))] += 1
        self.count += 1
        self.sum &+= value
        self.max = Swift.max(self.max, value)
    }

    package mutating func add(_ other: Self) {
        for index in self.counts.indices { self.counts[index] += other.counts[index] }
        self.count += other.count
        self.sum &+= other.sum
        self.max = Swift.max(self.max, other.max)
    }

    package var mean: Double { self.count == 0 ? 0 : Double(self.sum) / Double(self.count) }

    /// The smallest bound that `fraction` of all values do not exceed, rounded up to its bucket's
    /// end, but never above the largest value. 0 if there are no values.
    package func percentile(_ fraction: Double) -> Int64 {
        guard self.count > 0 else { return 0 }
        let wanted = Swift.max(1, Int((Double(self.count) * fraction).rounded(.up)))
        var seen = 0
        for (index, count) in self.counts.enumerated() where count > 0 {
            seen += count
            if seen >= wanted { return min(Self.upperBound(of: index), self.max) }
        }
        return self.max
    }

    private static func bucket(of value: UInt64) -> Int {
        let exponent = Swift.max(0, (63 - value.leadingZeroBitCount) - Self.bits)
        return (exponent << Self.bits) + Int(value >> UInt64(exponent))
    }

    private static func upperBound(of bucket: Int) -> Int64 {
        let exponent = Swift.max(0, (bucket >> Self.bits) - 1)
        let mantissa = UInt64(bucket - (exponent << Self.bits))
        let bound = ((mantissa + 1) << UInt64(exponent)) - 1
        return Int64(clamping: bound)
    }
}
