import FilterCore

/// Properties as they are stored.
func stored(_ pairs: [(String, String)]) -> [UInt8] {
    Array(pairs.map { "\($0)\u{1}\($1)\u{2}" }.joined().utf8)
}

func evaluate(_ text: String, _ pairs: (String, String)...) throws -> FilterResult {
    try evaluate(text, over: stored(pairs))
}

func evaluate(_ text: String, over properties: [UInt8]) throws -> FilterResult {
    let filter = try FilterExpression.parse(text)
    return properties.withUnsafeBytes { filter.evaluate($0) }
}

/// A small seeded generator, so that a failing run replays.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var value = self.state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
