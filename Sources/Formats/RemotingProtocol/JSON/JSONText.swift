/// The inside of JSON's texts: escapes and the search for their ends.
package enum JSONText {
    /// The place of the first quote or backslash in `start..<end`, or `end`.
    @inline(__always)
    static func nextQuoteOrBackslash(
        in bytes: UnsafeRawBufferPointer, from start: Int, to end: Int
    ) -> Int {
        precondition(end <= bytes.count, "the search ends inside the bytes")
        guard let base = bytes.baseAddress else { return end }
        return Self.nextQuoteOrBackslash(
            base.assumingMemoryBound(to: UInt8.self), from: start, to: end)
    }

    /// The caller owes that `end` bytes follow `base`. `start` may lie behind `end`.
    @inline(__always)
    static func nextQuoteOrBackslash(
        _ base: UnsafePointer<UInt8>, from start: Int, to end: Int
    ) -> Int {
        var at = start
        // Eight bytes at a time: a byte that becomes zero under the exclusive or is a match.
        while at &+ 8 <= end {
            let word = UInt64(
                littleEndian: UnsafeRawPointer(base + at).loadUnaligned(as: UInt64.self))
            let found =
                Self.zeroBytes(word ^ 0x2222_2222_2222_2222)
                | Self.zeroBytes(word ^ 0x5C5C_5C5C_5C5C_5C5C)
            if found != 0 { return at &+ found.trailingZeroBitCount >> 3 }
            at &+= 8
        }
        while at < end {
            let byte = base[at]
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { return at }
            at &+= 1
        }
        return end
    }

    /// The lowest set bit stands in the first zero byte; bits above it may be false.
    @inline(__always)
    private static func zeroBytes(_ word: UInt64) -> UInt64 {
        (word &- 0x0101_0101_0101_0101) & ~word & 0x8080_8080_8080_8080
    }

    /// The bytes that the inside of a text means. What is no escape stays as it is; half a
    /// surrogate pair becomes U+FFFD.
    package static func unescaped(_ text: UnsafeRawBufferPointer) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: text.count) { out, count in
            var unescaper = Unescaper(text: text, out: out)
            unescaper.run()
            count = unescaper.count
        }
    }
}

/// No escape grows when it is resolved: `\n` 2 to 1, `\uXXXX` 6 to at most 3, a pair 12 to 4.
private struct Unescaper {
    let text: UnsafeRawBufferPointer
    let out: UnsafeMutableBufferPointer<UInt8>
    var at = 0
    var count = 0

    init(text: UnsafeRawBufferPointer, out: UnsafeMutableBufferPointer<UInt8>) {
        self.text = text
        self.out = out
    }

    mutating func run() {
        while self.at < self.text.count {
            self.copyRun()
            guard self.at < self.text.count else { return }
            let byte = self.text[self.at]
            self.at += 1
            if byte == UInt8(ascii: "\\"), self.at < self.text.count {
                self.escape()
            } else {
                self.append(byte)
            }
        }
    }

    /// Copies everything in front of the next byte that may be an escape.
    private mutating func copyRun() {
        let end = JSONText.nextQuoteOrBackslash(in: self.text, from: self.at, to: self.text.count)
        let run = UnsafeRawBufferPointer(rebasing: self.text[self.at..<end])
        precondition(run.count <= self.out.count - self.count, "a text grew while it was resolved")
        UnsafeMutableRawBufferPointer(
            rebasing: UnsafeMutableRawBufferPointer(self.out)[self.count...]
        ).copyMemory(from: run)
        self.count += run.count
        self.at = end
    }

    @inline(__always)
    private mutating func append(_ byte: UInt8) {
        precondition(self.count < self.out.count, "a text grew while it was resolved")
        self.out.initializeElement(at: self.count, to: byte)
        self.count &+= 1
    }

    /// The cursor stands behind a backslash, at a byte that exists.
    private mutating func escape() {
        let byte = self.text[self.at]
        self.at += 1
        switch byte {
        case UInt8(ascii: "n"): self.append(0x0A)
        case UInt8(ascii: "t"): self.append(0x09)
        case UInt8(ascii: "r"): self.append(0x0D)
        case UInt8(ascii: "b"): self.append(0x08)
        case UInt8(ascii: "f"): self.append(0x0C)
        case UInt8(ascii: "u"): self.unicodeEscape()
        default: self.append(byte)
        }
    }

    private mutating func unicodeEscape() {
        // The separators of properties: most escapes that ever come.
        if self.at &+ 4 <= self.text.count,
            case let word = self.text.loadUnaligned(fromByteOffset: self.at, as: UInt32.self),
            UInt32(littleEndian: word) & 0xFCFF_FFFF == 0x3030_3030
        {
            self.append(self.text[self.at &+ 3] &- 0x30)
            self.at &+= 4
            return
        }
        guard let unit = self.hexUnit(at: self.at) else {
            // Not an escape after all: both bytes stay.
            self.append(UInt8(ascii: "\\"))
            self.append(UInt8(ascii: "u"))
            return
        }
        self.at += 4
        if unit < 0x80 { return self.append(UInt8(truncatingIfNeeded: unit)) }
        guard UTF16.isLeadSurrogate(unit) else {
            self.append(Unicode.Scalar(unit) ?? Self.replacement)
            return
        }
        guard self.at + 6 <= self.text.count, self.text[self.at] == UInt8(ascii: "\\"),
            self.text[self.at + 1] == UInt8(ascii: "u"), let trail = self.hexUnit(at: self.at + 2),
            UTF16.isTrailSurrogate(trail)
        else {
            self.append(Self.replacement)
            return
        }
        self.at += 6
        let value = 0x10000 + (UInt32(unit) - 0xD800) << 10 + (UInt32(trail) - 0xDC00)
        self.append(Unicode.Scalar(value) ?? Self.replacement)
    }

    private mutating func append(_ scalar: Unicode.Scalar) {
        for byte in UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter { self.append(byte) }
    }

    private func hexUnit(at start: Int) -> UInt16? {
        guard start + 4 <= self.text.count else { return nil }
        var unit: UInt16 = 0
        for index in start..<(start + 4) {
            let byte = self.text[index]
            let digit: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - 0x30
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - 0x61 + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - 0x41 + 10
            default: return nil
            }
            unit = unit << 4 | UInt16(digit)
        }
        return unit
    }

    private static let replacement = Unicode.Scalar(0xFFFD as UInt16) ?? " "
}

// Escaping.
extension JSONText {
    /// Bytes that `text` takes between its quotes, or a little more.
    static func escapedCountMax(_ text: String) -> Int {
        let count = text.utf8.count
        if count <= 64 { return count * 6 }
        return text.utf8.reduce(0) { $0 + Self.escapedCount($1) }
    }

    static func needsEscape(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var at = 0
        while at &+ 8 <= bytes.count {
            let word = bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self)
            // Below 0x20, quote or backslash; whatever else shows up is looked at byte by byte.
            let found =
                ((word &- 0x2020_2020_2020_2020) & ~word & 0x8080_8080_8080_8080)
                | Self.zeroBytes(word ^ 0x2222_2222_2222_2222)
                | Self.zeroBytes(word ^ 0x5C5C_5C5C_5C5C_5C5C)
            if found != 0 { break }
            at &+= 8
        }
        while at < bytes.count {
            if Self.escapedCount(bytes[at]) != 1 { return true }
            at &+= 1
        }
        return false
    }

    static func escapedCount(_ byte: UInt8) -> Int {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), 0x08, 0x09, 0x0A, 0x0C, 0x0D: 2
        case 0..<0x20: 6
        default: 1
        }
    }

    /// Calls `emit` with the bytes that stand for `byte`, which needs escaping.
    static func escape(_ byte: UInt8, _ emit: (UInt8) -> Void) {
        emit(UInt8(ascii: "\\"))
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): emit(byte)
        case 0x08: emit(UInt8(ascii: "b"))
        case 0x09: emit(UInt8(ascii: "t"))
        case 0x0A: emit(UInt8(ascii: "n"))
        case 0x0C: emit(UInt8(ascii: "f"))
        case 0x0D: emit(UInt8(ascii: "r"))
        default:
            emit(UInt8(ascii: "u"))
            emit(UInt8(ascii: "0"))
            emit(UInt8(ascii: "0"))
            emit(0x30 + byte >> 4)
            let low = byte & 15
            emit(low < 10 ? 0x30 + low : 0x61 + low - 10)
        }
    }
}
