/// Names one connection between two servers of ours, for as long as the process runs.
package struct LinkID: Hashable, Comparable, Sendable {
    package var value: UInt64

    package init(value: UInt64) { self.value = value }

    package static func < (left: Self, right: Self) -> Bool { left.value < right.value }
}

extension LinkID: CustomStringConvertible {
    package var description: String { "link-\(self.value)" }
}
