/// The only source of chance in a simulated world: xoshiro256**, seeded through SplitMix64.
///
/// Its own arithmetic, so that a seed gives the same run with every version of the standard library.
package struct SeededGenerator: Sendable {
    private var state: (UInt64, UInt64, UInt64, UInt64)

    package init(seed: UInt64) {
        var mixer = SplitMix(state: seed)
        self.state = (mixer.next(), mixer.next(), mixer.next(), mixer.next())
    }

    package mutating func next() -> UInt64 {
        let product = self.state.1 &* 5
        let result = (product << 7 | product >> 57) &* 9
        let shifted = self.state.1 << 17
        self.state.2 ^= self.state.0
        self.state.3 ^= self.state.1
        self.state.1 ^= self.state.2
        self.state.0 ^= self.state.3
        self.state.2 ^= shifted
        self.state.3 = self.state.3 << 45 | self.state.3 >> 19
        return result
    }

    /// A number from 0 to `bound - 1`.
    package mutating func below(_ bound: Int) -> Int {
        precondition(bound > 0, "there is no number below \(bound)")
        return Int(self.next().multipliedFullWidth(by: UInt64(bound)).high)
    }

    package mutating func number(in range: ClosedRange<Int>) -> Int {
        range.lowerBound + self.below(range.count)
    }

    /// True once in `odds` times.
    package mutating func oneIn(_ odds: Int) -> Bool { self.below(odds) == 0 }

    package mutating func percent(_ chance: Int) -> Bool { self.below(100) < chance }

    package mutating func duration(in range: ClosedRange<Duration>) -> Duration {
        let low = range.lowerBound.wholeNanoseconds
        let span = range.upperBound.wholeNanoseconds - low
        return .nanoseconds(low + Int64(self.below(Int(span) + 1)))
    }

    /// One of them; nil when there is none.
    package mutating func pick<Choices: RandomAccessCollection>(
        _ choices: Choices
    ) -> Choices.Element? {
        guard !choices.isEmpty else { return nil }
        return choices[choices.index(choices.startIndex, offsetBy: self.below(choices.count))]
    }

    package mutating func shuffled<Element>(_ elements: [Element]) -> [Element] {
        var elements = elements
        for index in elements.indices.dropFirst().reversed() {
            elements.swapAt(index, self.below(index + 1))
        }
        return elements
    }
}

private struct SplitMix {
    var state: UInt64

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = self.state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

extension Duration {
    var wholeNanoseconds: Int64 {
        let (seconds, attoseconds) = self.components
        return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    }
}
