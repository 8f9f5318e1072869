/// The name of one member of a Raft group, unique and never given to another machine.
package struct NodeID: Hashable, Comparable, Sendable {
    /// Longer names are refused wherever bytes become values.
    package static let bytesMax = 128

    package let value: String

    package init(_ value: String) { self.value = value }

    package static func < (left: Self, right: Self) -> Bool { left.value < right.value }
}

extension NodeID: CustomStringConvertible, ExpressibleByStringLiteral {
    package var description: String { self.value }
    package init(stringLiteral value: String) { self.init(value) }
}

/// Numbers elections. Every term has one leader at most.
package struct Term: Hashable, Comparable, Sendable {
    package let value: UInt64

    package init(_ value: UInt64) { self.value = value }

    package static let zero = Self(0)
    /// No honest group ever counts so far; what lies beyond is refused before it is used.
    package static let max = Self(1 << 62)

    package var next: Self { Self(self.value + 1) }

    package static func < (left: Self, right: Self) -> Bool { left.value < right.value }
}

extension Term: CustomStringConvertible {
    package var description: String { "\(self.value)" }
}

/// A place in the replicated log. The first entry has index 1.
package struct LogIndex: Hashable, Comparable, Sendable {
    package let value: UInt64

    package init(_ value: UInt64) { self.value = value }

    package static let zero = Self(0)
    package static let max = Self(1 << 62)

    package var next: Self { Self(self.value + 1) }
    /// The index before; zero has none and stays zero.
    package var previous: Self { Self(self.value == 0 ? 0 : self.value - 1) }

    package func advanced(by count: Int) -> Self { Self(self.value + UInt64(count)) }

    /// How many entries lie behind `earlier`, up to and including this one; 0 when none do.
    package func distance(from earlier: Self) -> Int {
        self > earlier ? Int(self.value - earlier.value) : 0
    }

    package static func < (left: Self, right: Self) -> Bool { left.value < right.value }
}

extension LogIndex: CustomStringConvertible {
    package var description: String { "\(self.value)" }
}

/// Index and term of an entry: together they name its content ("log matching").
package struct LogPosition: Hashable, Sendable {
    package let index: LogIndex
    package let term: Term

    package init(index: LogIndex, term: Term) {
        self.index = index
        self.term = term
    }

    /// Before the first entry of every log.
    package static let start = Self(index: .zero, term: .zero)

    /// Whether a log that ends here holds everything that a log ending at `other` may have
    /// committed: the later term wins, then the longer log.
    package func isAtLeastAsUpToDate(as other: Self) -> Bool {
        self.term == other.term ? self.index >= other.index : self.term > other.term
    }
}
