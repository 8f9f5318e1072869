internal import MessageFormat

/// Numbers as properties carry them.
enum NumberText {
    /// No number needs more; a property that is longer is none.
    static let bytesMax = 128

    /// An optional sign and decimal digits.
    static func integer(_ text: UnsafeRawBufferPointer) -> Int64? {
        guard let first = text.first, text.count <= Self.bytesMax else { return nil }
        let isNegative = first == UInt8(ascii: "-")
        let digits = isNegative || first == UInt8(ascii: "+") ? text.dropFirst() : text[...]
        guard !digits.isEmpty else { return nil }
        var value = Int64(0)
        for byte in digits {
            guard byte.isDigit else { return nil }
            let digit = Int64(byte - UInt8(ascii: "0"))
            let (product, isTooLarge) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflows) = product.addingReportingOverflow(isNegative ? -digit : digit)
            guard !isTooLarge, !overflows else { return nil }
            value = sum
        }
        return value
    }

    /// A decimal number, with a fraction and an exponent or without; blanks around it do not count.
    static func double(_ text: UnsafeRawBufferPointer) -> Double? {
        guard text.count <= Self.bytesMax else { return nil }
        let start = text.firstIndex { $0 > 32 } ?? text.endIndex
        let end = (text.lastIndex { $0 > 32 } ?? text.startIndex - 1) + 1
        guard start < end, let shape = NumberShape(text.slice(start..<end)) else { return nil }
        return shape.exact ?? Double(String(decoding: text[start..<end], as: UTF8.self))
    }
}

/// What a decimal number's text consists of.
private struct NumberShape {
    private var isNegative = false
    /// All digits as one integer, while it has at most 15.
    private var mantissa = Int64(0)
    private var digits = 0
    private var fraction = 0
    private var hasExponent = false

    /// Nil if the text is no number.
    init?(_ text: UnsafeRawBufferPointer) {
        var rest = text[...]
        if let sign = rest.first, sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") {
            self.isNegative = sign == UInt8(ascii: "-")
            rest = rest.dropFirst()
        }
        self.takeDigits(&rest)
        if rest.first == UInt8(ascii: ".") {
            rest = rest.dropFirst()
            let whole = self.digits
            self.takeDigits(&rest)
            self.fraction = self.digits - whole
        }
        guard self.digits > 0 else { return nil }
        if let byte = rest.first, byte | 0x20 == UInt8(ascii: "e") {
            rest = rest.dropFirst()
            self.hasExponent = true
            if rest.first == UInt8(ascii: "-") || rest.first == UInt8(ascii: "+") {
                rest = rest.dropFirst()
            }
            guard !rest.isEmpty else { return nil }
            rest = rest.drop { $0.isDigit }
        }
        guard rest.isEmpty else { return nil }
    }

    private mutating func takeDigits(_ rest: inout Slice<UnsafeRawBufferPointer>) {
        while let byte = rest.first, byte.isDigit {
            self.digits += 1
            if self.digits <= 15 {
                self.mantissa = self.mantissa * 10 + Int64(byte - UInt8(ascii: "0"))
            }
            rest = rest.dropFirst()
        }
    }

    /// The value where one division of two exact doubles gives it, correctly rounded.
    var exact: Double? {
        guard !self.hasExponent, self.digits <= 15 else { return nil }
        var scale = 1.0
        for _ in 0..<self.fraction { scale *= 10 }
        let magnitude = Double(self.mantissa) / scale
        return self.isNegative ? -magnitude : magnitude
    }
}
