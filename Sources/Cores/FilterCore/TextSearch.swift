/// Looks for a text in a property, byte by byte, never going back in the property
/// (Knuth, Morris, Pratt): a filter cannot be written so that looking takes long.
struct TextSearch: Sendable {
    enum Place: Sendable { case anywhere, start, end }

    private let wanted: [UInt8]
    private let place: Place
    /// For each prefix of `wanted`: the length of the longest shorter prefix that also ends it.
    private let fallbacks: [Int]

    init(_ wanted: [UInt8], _ place: Place) {
        self.wanted = wanted
        self.place = place
        self.fallbacks = place == .anywhere ? Self.fallbacks(of: wanted) : []
    }

    /// Nothing contains the empty text, and the empty text contains nothing.
    var isVoid: Bool { self.wanted.isEmpty }

    func succeeds(in text: UnsafeRawBufferPointer) -> Bool {
        guard text.count >= self.wanted.count else { return false }
        switch self.place {
        case .start: return text.starts(with: self.wanted)
        case .end: return text.suffix(self.wanted.count).elementsEqual(self.wanted)
        case .anywhere: return self.occurs(in: text)
        }
    }

    private func occurs(in text: UnsafeRawBufferPointer) -> Bool {
        var matched = 0
        for byte in text {
            while matched > 0, self.wanted[matched] != byte {
                matched = self.fallbacks[matched - 1]
            }
            if self.wanted[matched] == byte { matched += 1 }
            if matched == self.wanted.count { return true }
        }
        return false
    }

    private static func fallbacks(of wanted: [UInt8]) -> [Int] {
        var fallbacks = Array(repeating: 0, count: wanted.count)
        var matched = 0
        for index in wanted.indices.dropFirst() {
            while matched > 0, wanted[matched] != wanted[index] { matched = fallbacks[matched - 1] }
            if wanted[matched] == wanted[index] { matched += 1 }
            fallbacks[index] = matched
        }
        return fallbacks
    }
}
