/// A position in the log, in bytes from the log's very first byte.
///
/// Positions never restart: a deleted segment leaves its positions unused. Messages carry the
/// position at which they are stored (field 7 of the wire's layout).
package struct PhysicalOffset: Hashable, Comparable, Sendable {
    package var bytes: Int64

    package init(_ bytes: Int64) { self.bytes = bytes }

    package static let zero = Self(0)

    package static func < (left: Self, right: Self) -> Bool { left.bytes < right.bytes }

    package func advanced(by count: Int) -> Self { Self(self.bytes + Int64(count)) }

    /// How many bytes lie between an earlier position and this one.
    package func distance(from earlier: Self) -> Int { Int(self.bytes - earlier.bytes) }
}

/// A position in one queue: the number of messages that were stored in that queue before.
package struct QueueOffset: Hashable, Comparable, Sendable {
    package var value: Int64

    package init(_ value: Int64) { self.value = value }

    package static let zero = Self(0)

    package static func < (left: Self, right: Self) -> Bool { left.value < right.value }

    package func advanced(by count: Int) -> Self { Self(self.value + Int64(count)) }

    package func distance(from earlier: Self) -> Int { Int(self.value - earlier.value) }
}

/// Numbers the masters of a broker group. Every batch in the log carries the epoch of its writer.
package struct Epoch: Hashable, Comparable, Sendable {
    package var value: UInt32

    package init(_ value: UInt32) { self.value = value }

    package static func < (left: Self, right: Self) -> Bool { left.value < right.value }
}
