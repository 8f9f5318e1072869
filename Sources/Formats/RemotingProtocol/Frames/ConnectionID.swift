/// Names one connection for as long as the process lives; never given out twice.
package struct ConnectionID: Hashable, Comparable, Sendable {
    package var value: UInt64

    package init(_ value: UInt64) { self.value = value }

    package init(value: UInt64) { self.value = value }

    package static func < (left: Self, right: Self) -> Bool { left.value < right.value }
}

extension ConnectionID: CustomStringConvertible {
    package var description: String { "#\(self.value)" }
}
