/// How often something measured so much: counts between fixed bounds, and the sum.
///
/// Observing looks at a dozen numbers and allocates nothing. Measurements are integers of the unit
/// that is at hand, such as nanoseconds; `unit` makes of them what is printed.
package struct Histogram: Hashable, Sendable {
    /// Upper bounds, ascending, each inclusive.
    package let bounds: [Int64]
    /// What one of the measured integers is worth when it is printed: 1e-9 for nanoseconds.
    package let unit: Double
    /// One more than there are bounds: the last one counts what is above all of them.
    package private(set) var counts: [Int64]
    package private(set) var sum: Int64 = 0

    package init(bounds: [Int64], unit: Double = 1) {
        precondition(!bounds.isEmpty, "a histogram without bounds counts nothing")
        precondition(zip(bounds, bounds.dropFirst()).allSatisfy { $0 < $1 }, "bounds ascend")
        self.bounds = bounds
        self.unit = unit
        self.counts = Array(repeating: 0, count: bounds.count + 1)
    }

    package var count: Int64 { self.counts.reduce(0, +) }

    package mutating func observe(_ value: Int64) {
        var index = 0
        while index < self.bounds.count, self.bounds[index] < value { index += 1 }
        self.counts[index] += 1
        self.sum &+= value
    }
}
