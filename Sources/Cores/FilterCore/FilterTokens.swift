/// A word of an expression.
struct FilterToken: Equatable {
    enum Kind: Equatable {
        case word(Keyword)
        case name
        case integer(magnitude: UInt64)
        case double(Double)
        /// With its quotes; a quote inside is doubled.
        case text
        case symbol(Symbol)
        case end
    }

    enum Keyword: String {
        case and, or, not, between, `in`, `is`, null, `true`, `false`
        case contains, startsWith = "startswith", endsWith = "endswith"
    }

    enum Symbol: String {
        case equal = "="
        case notEqual = "<>"
        case lessOrEqual = "<="
        case greaterOrEqual = ">="
        case less = "<"
        case greater = ">"
        case open = "("
        case close = ")"
        case comma = ","
        case plus = "+"
        case minus = "-"
    }

    var kind: Kind
    /// Where it stands in the text's UTF-8.
    var bytes: Range<Int>
}

/// Cuts an expression into words.
struct FilterTokens {
    private let text: String
    private let bytes: [UInt8]
    private var at = 0

    /// All words; the last one is `end`.
    static func all(of text: String) throws(FilterSyntaxError) -> [FilterToken] {
        let limit = FilterExpression.Limits.bytesMax
        guard text.utf8.count <= limit else {
            throw FilterSyntaxError(
                column: 1, expected: "at most \(limit) bytes", found: "\(text.utf8.count)")
        }
        var rest = Self(text: text, bytes: Array(text.utf8))
        var tokens: [FilterToken] = []
        repeat { tokens.append(try rest.next()) } while tokens.last?.kind != .end
        return tokens
    }

    private init(text: String, bytes: [UInt8]) {
        self.text = text
        self.bytes = bytes
    }

    private mutating func next() throws(FilterSyntaxError) -> FilterToken {
        try self.skipBlanks()
        let start = self.at
        let kind = try self.kind()
        return FilterToken(kind: kind, bytes: start..<self.at)
    }

    private mutating func kind() throws(FilterSyntaxError) -> FilterToken.Kind {
        guard let byte = self.byte() else { return .end }
        if byte == UInt8(ascii: "'") { return try self.quoted() }
        if byte.isDigit || byte == UInt8(ascii: ".") && self.byte(1)?.isDigit == true {
            return try self.number()
        }
        if byte.startsName { return self.word() }
        return try self.symbol()
    }

    private func byte(_ ahead: Int = 0) -> UInt8? {
        self.at + ahead < self.bytes.count ? self.bytes[self.at + ahead] : nil
    }

    private func error(_ expected: String, at start: Int) -> FilterSyntaxError {
        FilterSyntaxError(expected, in: self.text, foundAt: start..<min(start + 1, bytes.count))
    }
}

extension FilterTokens {
    private mutating func skipBlanks() throws(FilterSyntaxError) {
        while let byte = self.byte() {
            if byte.isBlank {
                self.at += 1
            } else if byte == UInt8(ascii: "-"), self.byte(1) == UInt8(ascii: "-") {
                while let byte = self.byte(), byte != 10, byte != 13 { self.at += 1 }
            } else if byte == UInt8(ascii: "/"), self.byte(1) == UInt8(ascii: "*") {
                try self.skipComment()
            } else {
                return
            }
        }
    }

    private mutating func skipComment() throws(FilterSyntaxError) {
        self.at += 2
        while self.byte() != UInt8(ascii: "*") || self.byte(1) != UInt8(ascii: "/") {
            guard self.byte() != nil else { throw self.error("*/", at: self.at) }
            self.at += 1
        }
        self.at += 2
    }

    private mutating func quoted() throws(FilterSyntaxError) -> FilterToken.Kind {
        self.at += 1
        while let byte = self.byte() {
            self.at += 1
            guard byte == UInt8(ascii: "'") else { continue }
            guard self.byte() == UInt8(ascii: "'") else { return .text }
            self.at += 1
        }
        throw self.error("a closing quote", at: self.at)
    }

    private mutating func word() -> FilterToken.Kind {
        let start = self.at
        while let byte = self.byte(), byte.startsName || byte.isDigit { self.at += 1 }
        let text = String(decoding: self.bytes[start..<self.at], as: UTF8.self)
        return FilterToken.Keyword(rawValue: text.lowercased()).map { .word($0) } ?? .name
    }

    private mutating func symbol() throws(FilterSyntaxError) -> FilterToken.Kind {
        for count in [2, 1] where self.at + count <= self.bytes.count {
            let text = String(decoding: self.bytes[self.at..<(self.at + count)], as: UTF8.self)
            guard let symbol = FilterToken.Symbol(rawValue: text) else { continue }
            self.at += count
            return .symbol(symbol)
        }
        throw self.error("a value, a name or an operator", at: self.at)
    }

    private mutating func number() throws(FilterSyntaxError) -> FilterToken.Kind {
        let start = self.at
        self.skipDigits()
        var isInteger = true
        if self.byte() == UInt8(ascii: ".") {
            isInteger = false
            self.at += 1
            self.skipDigits()
        }
        if self.skipExponent() { isInteger = false }
        let text = String(decoding: self.bytes[start..<self.at], as: UTF8.self)
        guard isInteger else {
            guard let value = Double(text), value.isFinite else {
                throw self.error("a number that fits into a double", at: start)
            }
            return .double(value)
        }
        guard let magnitude = UInt64(text), magnitude <= Int64.min.magnitude else {
            throw self.error("an integer of 64 bits", at: start)
        }
        if let byte = self.byte(), byte | 0x20 == UInt8(ascii: "l") { self.at += 1 }
        return .integer(magnitude: magnitude)
    }

    private mutating func skipDigits() {
        while self.byte()?.isDigit == true { self.at += 1 }
    }

    private mutating func skipExponent() -> Bool {
        guard let byte = self.byte(), byte | 0x20 == UInt8(ascii: "e") else { return false }
        let hasSign = self.byte(1) == UInt8(ascii: "+") || self.byte(1) == UInt8(ascii: "-")
        guard self.byte(hasSign ? 2 : 1)?.isDigit == true else { return false }
        self.at += hasSign ? 2 : 1
        self.skipDigits()
        return true
    }
}

extension FilterSyntaxError {
    /// `bytes` is what was found instead; empty at the end of the text.
    init(_ expected: String, in text: String, foundAt bytes: Range<Int>) {
        let utf8 = text.utf8
        let start = utf8.index(utf8.startIndex, offsetBy: min(bytes.lowerBound, utf8.count))
        let end = utf8.index(utf8.startIndex, offsetBy: min(bytes.upperBound, utf8.count))
        // A range that ends inside a character is shown with the whole character.
        let shown = text.unicodeScalars[start...].prefix(24)
        let count = max(text.unicodeScalars[start..<end].count, 1)
        self.init(
            column: text.unicodeScalars[..<start].count + 1, expected: expected,
            found: start == utf8.endIndex ? "the end" : "`\(String(shown.prefix(count)))`")
    }
}

extension UInt8 {
    var isDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }

    fileprivate var isBlank: Bool {
        self == 32 || self == 9 || self == 10 || self == 12 || self == 13
    }

    fileprivate var startsName: Bool {
        let lower = self | 0x20
        return (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(lower)
            || self == UInt8(ascii: "_") || self == UInt8(ascii: "$")
    }
}
