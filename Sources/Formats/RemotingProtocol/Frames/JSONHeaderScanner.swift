/// Finds the fields of a JSON header (serialization 0) in one pass, without building anything.
///
/// Lenient where clients differ: any order, whitespace and unknown keys, fields that are numbers
/// or booleans, a newline at the end. Nothing may be nested but what lies under an unknown key,
/// and that is skipped without recursion, so that no header can exhaust the stack.
struct JSONHeaderScanner {
    private static let depthMax = 32

    private let frame: UnsafeRawBufferPointer
    private let end: Int
    private var at: Int
    private var header = ScannedHeader()
    private var hasCode = false

    static func scan(
        _ frame: UnsafeRawBufferPointer, _ range: Range<Int>
    ) throws(FrameError) -> ScannedHeader {
        var scanner = Self(frame: frame, end: range.upperBound, at: range.lowerBound)
        try scanner.topLevel()
        return scanner.header
    }

    private init(frame: UnsafeRawBufferPointer, end: Int, at: Int) {
        self.frame = frame
        self.end = end
        self.at = at
    }

    private mutating func topLevel() throws(FrameError) {
        try self.expect(UInt8(ascii: "{"))
        if try self.isEmptyObject() == false {
            repeat {
                let name = try self.name()
                try self.topLevelValue(name)
            } while try self.hasNextMember()
        }
        self.skipWhitespace()
        guard self.at == self.end else { throw self.malformed("bytes behind the header") }
        guard self.hasCode else { throw self.malformed("no code") }
    }

    private mutating func topLevelValue(_ name: Token) throws(FrameError) {
        switch name.count {
        case 4 where self.matches(name, "code"):
            self.header.code = try self.integer()
            self.hasCode = true
        case 4 where self.matches(name, "flag"): self.header.flag = try self.integer()
        case 6 where self.matches(name, "opaque"): self.header.opaque = try self.integer()
        case 6 where self.matches(name, "remark"):
            self.header.remark = try self.scalar().map { Self.reference(name: name, value: $0) }
        case 7 where self.matches(name, "version"): self.header.version = try self.integer()
        case 8 where self.matches(name, "language"): try self.language()
        case 9 where self.matches(name, "extFields"): try self.fields()
        default: try self.skipValue()
        }
    }

    private mutating func fields() throws(FrameError) {
        guard self.at < self.end, self.frame[self.at] == UInt8(ascii: "{") else {
            guard try self.scalar() == nil else { throw self.malformed("extFields is no object") }
            return
        }
        self.at += 1
        guard try self.isEmptyObject() == false else { return }
        var fields: [FieldReference] = []
        fields.reserveCapacity(16)
        repeat {
            self.compactFields(&fields)
            let name = try self.name()
            guard let value = try self.scalar() else { continue }
            guard name.count <= FieldReference.nameCountMax else {
                throw self.malformed("a name of \(name.count) bytes")
            }
            guard fields.count < ScannedHeader.fieldsMax else {
                throw .tooManyFields(limit: ScannedHeader.fieldsMax)
            }
            fields.append(Self.reference(name: name, value: value))
        } while try self.hasNextMember()
        self.header.fields = fields
    }

    /// Takes the fields that look as nearly all do, `"name":"value",` without whitespace, in one
    /// tight loop. Stops at the first that does not, with the cursor where a name should stand.
    private mutating func compactFields(_ fields: inout [FieldReference]) {
        guard let base = self.frame.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return }
        let (quote, backslash) = (UInt8(ascii: "\""), UInt8(ascii: "\\"))
        let end = self.end
        // Places are below `end` + 3, and a frame has at most 2^31 bytes: nothing overflows.
        var at = self.at
        while at < end, base[at] == quote, fields.count < ScannedHeader.fieldsMax {
            let nameEnd = JSONText.nextQuoteOrBackslash(base, from: at &+ 1, to: end)
            guard nameEnd &+ 2 < end, nameEnd &- at <= FieldReference.nameCountMax,
                base[nameEnd] == quote, base[nameEnd &+ 1] == UInt8(ascii: ":"),
                base[nameEnd &+ 2] == quote
            else { break }
            var form = FieldReference.Form.plain
            var valueEnd = JSONText.nextQuoteOrBackslash(base, from: nameEnd &+ 3, to: end)
            while valueEnd < end, base[valueEnd] == backslash {
                form = .escaped
                valueEnd = JSONText.nextQuoteOrBackslash(base, from: valueEnd &+ 2, to: end)
            }
            guard valueEnd &+ 1 < end, base[valueEnd &+ 1] == UInt8(ascii: ",") else { break }
            let name = Token(start: at &+ 1, count: nameEnd &- at &- 1, form: .plain)
            let value = Token(start: nameEnd &+ 3, count: valueEnd &- nameEnd &- 3, form: form)
            fields.append(Self.reference(name: name, value: value))
            at = valueEnd &+ 2
        }
        self.at = at
    }

    private mutating func language() throws(FrameError) {
        guard let value = try self.scalar(), value.form == .plain else { return }
        let bytes = self.frame[value.start..<(value.start + value.count)]
        self.header.language = LanguageCode(name: UnsafeRawBufferPointer(rebasing: bytes))
    }

    /// A number, or a text of digits; null counts as 0.
    private mutating func integer() throws(FrameError) -> Int32 {
        guard let value = try self.scalar() else { return 0 }
        let bytes = UnsafeRawBufferPointer(
            rebasing: self.frame[value.start..<(value.start + value.count)])
        guard let number = DecimalText.integer(bytes, as: Int32.self) else {
            throw self.malformed("not a 32-bit integer")
        }
        return number
    }
}

// The tokens of JSON.
extension JSONHeaderScanner {
    private struct Token {
        var start: Int
        var count: Int
        var form: FieldReference.Form
    }

    private static func reference(name: Token, value: Token) -> FieldReference {
        FieldReference(
            nameAt: UInt32(truncatingIfNeeded: name.start),
            valueAt: UInt32(truncatingIfNeeded: value.start),
            valueCount: UInt32(truncatingIfNeeded: value.count),
            nameCount: UInt16(truncatingIfNeeded: name.count),
            nameForm: name.form, valueForm: value.form)
    }

    private func matches(_ token: Token, _ text: StaticString) -> Bool {
        guard token.form == .plain, token.count == text.utf8CodeUnitCount else { return false }
        let wanted = text.utf8Start
        var index = 0
        while index < token.count {
            guard self.frame[token.start + index] == wanted[index] else { return false }
            index += 1
        }
        return true
    }

    /// A member's name and the colon behind it; the cursor ends at the value.
    @inline(__always)
    private mutating func name() throws(FrameError) -> Token {
        self.skipWhitespace()
        try self.expect(UInt8(ascii: "\""))
        let name = try self.string()
        self.skipWhitespace()
        try self.expect(UInt8(ascii: ":"))
        self.skipWhitespace()
        return name
    }

    /// Whether a comma follows; otherwise the object ends here.
    @inline(__always)
    private mutating func hasNextMember() throws(FrameError) -> Bool {
        self.skipWhitespace()
        guard self.at < self.end else { throw self.malformed("the object does not end") }
        let byte = self.frame[self.at]
        self.at += 1
        switch byte {
        case UInt8(ascii: ","): return true
        case UInt8(ascii: "}"): return false
        default: throw self.malformed("neither comma nor brace behind a value")
        }
    }

    private mutating func isEmptyObject() throws(FrameError) -> Bool {
        self.skipWhitespace()
        guard self.at < self.end else { throw self.malformed("the object does not end") }
        guard self.frame[self.at] == UInt8(ascii: "}") else { return false }
        self.at += 1
        return true
    }

    /// A text, number or boolean; nil for null.
    @inline(__always)
    private mutating func scalar() throws(FrameError) -> Token? {
        guard self.at < self.end else { throw self.malformed("a value is missing") }
        guard self.frame[self.at] == UInt8(ascii: "\"") else { return try self.literal() }
        self.at += 1
        return try self.string()
    }

    private mutating func literal() throws(FrameError) -> Token? {
        let start = self.at
        while self.at < self.end, Self.isLiteral(self.frame[self.at]) { self.at += 1 }
        let token = Token(start: start, count: self.at - start, form: .plain)
        if self.matches(token, "null") { return nil }
        guard self.at > start else { throw self.malformed("neither text nor number") }
        let first = self.frame[start]
        let isNumber = first == UInt8(ascii: "-") || (first >= 0x30 && first <= 0x39)
        guard isNumber || self.matches(token, "true") || self.matches(token, "false") else {
            throw self.malformed("an unknown literal")
        }
        return token
    }

    /// The cursor stands behind the opening quote and ends behind the closing one.
    @inline(__always)
    private mutating func string() throws(FrameError) -> Token {
        let start = self.at
        var form = FieldReference.Form.plain
        while true {
            self.at = JSONText.nextQuoteOrBackslash(in: self.frame, from: self.at, to: self.end)
            guard self.at < self.end else { throw self.malformed("a text does not end") }
            if self.frame[self.at] == UInt8(ascii: "\"") {
                defer { self.at += 1 }
                return Token(start: start, count: self.at - start, form: form)
            }
            form = .escaped
            self.at += 2
        }
    }

    /// Whatever stands under a key that nobody knows.
    private mutating func skipValue() throws(FrameError) {
        var depth = 0
        repeat {
            guard self.at < self.end else { throw self.malformed("a value does not end") }
            switch self.frame[self.at] {
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                guard depth <= Self.depthMax else { throw self.malformed("nested too deeply") }
                self.at += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                depth -= 1
                guard depth >= 0 else { throw self.malformed("a value is missing") }
                self.at += 1
            case UInt8(ascii: ","), UInt8(ascii: ":"), 0x20, 0x09, 0x0A, 0x0D:
                guard depth > 0 else { throw self.malformed("a value is missing") }
                self.at += 1
            default: _ = try self.scalar()
            }
        } while depth > 0
    }

    @inline(__always)
    private mutating func expect(_ byte: UInt8) throws(FrameError) {
        guard self.at < self.end, self.frame[self.at] == byte else {
            throw self.malformed("no \(Unicode.Scalar(byte))")
        }
        self.at += 1
    }

    @inline(__always)
    private mutating func skipWhitespace() {
        while self.at < self.end {
            let byte = self.frame[self.at]
            guard byte <= 0x20, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else {
                return
            }
            self.at += 1
        }
    }

    private static func isLiteral(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "-"), UInt8(ascii: "+"),
            UInt8(ascii: "."):
            true
        default: false
        }
    }

    @inline(never)
    private func malformed(_ problem: String) -> FrameError {
        .malformedHeader(at: self.at, problem: problem)
    }
}
