/// Makes hostile bytes of honest ones; the same from the same seed.
///
/// libFuzzer learns from what an input reaches; this one only guesses, but needs no other build.
package struct Mutator {
    private var state: UInt64

    package init(seed: UInt64) { self.state = seed }

    /// One of the originals with up to four changes.
    package mutating func mutate(_ originals: [[UInt8]]) -> [UInt8] {
        var bytes = originals.isEmpty ? [] : originals[self.below(originals.count)]
        for _ in 0...self.below(4) { self.change(&bytes, originals) }
        return bytes
    }

    private mutating func change(_ bytes: inout [UInt8], _ originals: [[UInt8]]) {
        guard !bytes.isEmpty else { return bytes.append(self.byte()) }
        let at = self.below(bytes.count)
        switch self.below(9) {
        case 0: bytes[at] ^= 1 << UInt8(self.below(8))
        case 1: bytes[at] = self.byte()
        case 2: bytes.insert(self.byte(), at: at)
        case 3: bytes.remove(at: at)
        case 4: bytes.removeSubrange(at...)
        case 5: bytes.removeSubrange(at..<min(bytes.count, at + self.below(16)))
        case 6: bytes.insert(contentsOf: bytes[at..<min(bytes.count, at + 16)], at: at)
        case 7: bytes.append(contentsOf: originals[self.below(originals.count)])
        default: self.lie(&bytes, at)
        }
    }

    /// Puts a number where a length may stand: none, less than none, one more or less than there
    /// is, and as much as fits.
    private mutating func lie(_ bytes: inout [UInt8], _ at: Int) {
        let left = bytes.count - at
        let numbers = [
            0, 1, -1, left - 1, left, left + 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF,
            0xFF_FFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, .max, .min,
        ]
        let number = numbers[self.below(numbers.count)]
        let width = [1, 2, 4, 8][self.below(4)]
        for index in 0..<min(width, left) {
            bytes[at + index] = UInt8(truncatingIfNeeded: number >> (8 * (width - 1 - index)))
        }
    }

    private mutating func byte() -> UInt8 { UInt8(truncatingIfNeeded: self.next()) }

    private mutating func below(_ bound: Int) -> Int {
        Int(self.next().multipliedFullWidth(by: UInt64(bound)).high)
    }

    /// SplitMix64.
    private mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = self.state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
