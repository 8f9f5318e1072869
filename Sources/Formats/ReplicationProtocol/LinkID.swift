/// Names a connection between two servers, in the process that has it. Never used twice.
package struct LinkID: Hashable, Comparable, Sendable {
    package var value: UInt64

    package init(value: UInt64) { self.value = value }

    package static func < (left: Self, right: Self) -> Bool { left.value < right.value }
}
