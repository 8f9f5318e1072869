/// Counts that show which rare branches a run has reached, and which faults it met.
package struct Probes: Hashable, Sendable {
    package private(set) var counts: [String: Int] = [:]

    package init() {}

    package mutating func hit(_ name: String, _ count: Int = 1) {
        self.counts[name, default: 0] += count
    }

    package subscript(_ name: String) -> Int { self.counts[name] ?? 0 }

    package mutating func add(_ other: Probes) {
        for (name, count) in other.counts { self.counts[name, default: 0] += count }
    }
}
