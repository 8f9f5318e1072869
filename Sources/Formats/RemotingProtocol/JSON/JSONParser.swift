extension JSONValue {
    /// Parses one JSON value with nothing but whitespace behind it.
    ///
    /// Lenient as RocketMQ's own parser: names may be bare words, numbers or whole objects (then
    /// their JSON is the name).
    package init(parsing bytes: UnsafeRawBufferPointer) throws(BodyError) {
        var parser = JSONParser(bytes)
        self = try parser.wholeText()
    }

    package init(parsing bytes: [UInt8]) throws(BodyError) {
        self = try bytes.withUnsafeBufferPointer { bytes throws(BodyError) -> JSONValue in
            try JSONValue(parsing: UnsafeRawBufferPointer(bytes))
        }
    }

    package init(parsing text: String) throws(BodyError) {
        try self.init(parsing: Array(text.utf8))
    }
}

/// Depth and number of values are bounded, so that no body costs more than some 100 bytes of
/// memory per value and no stack at all to speak of.
private struct JSONParser {
    private static let depthMax = 32
    private static let valuesMax = 1 << 20

    private let bytes: UnsafeRawBufferPointer
    private var at = 0
    private var depth = 0
    private var values = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    mutating func wholeText() throws(BodyError) -> JSONValue {
        let value = try self.value()
        self.skipWhitespace()
        guard self.at == self.bytes.count else { throw self.malformed("bytes behind the value") }
        return value
    }

    private mutating func value() throws(BodyError) -> JSONValue {
        self.values += 1
        guard self.values <= Self.valuesMax else {
            throw self.malformed("more than \(Self.valuesMax) values")
        }
        switch try self.peek() {
        case UInt8(ascii: "{"):
            return .object(try self.nested { parser throws(BodyError) in try parser.members() })
        case UInt8(ascii: "["):
            return .array(try self.nested { parser throws(BodyError) in try parser.elements() })
        case UInt8(ascii: "\""): return .string(try self.string())
        default: return try self.literal()
        }
    }

    /// Steps over the opening bracket and counts the depth around `body`.
    private mutating func nested<T>(
        _ body: (inout Self) throws(BodyError) -> T
    ) throws(BodyError) -> T {
        guard self.depth < Self.depthMax else { throw self.malformed("nested too deeply") }
        self.depth += 1
        self.at += 1
        let result = try body(&self)
        self.depth -= 1
        return result
    }

    private mutating func elements() throws(BodyError) -> [JSONValue] {
        var elements: [JSONValue] = []
        if try self.skip(UInt8(ascii: "]")) { return elements }
        while true {
            elements.append(try self.value())
            if try self.skip(UInt8(ascii: "]")) { return elements }
            guard try self.skip(UInt8(ascii: ",")) else { throw self.malformed("no comma") }
        }
    }

    private mutating func members() throws(BodyError) -> [JSONMember] {
        var members: [JSONMember] = []
        if try self.skip(UInt8(ascii: "}")) { return members }
        while true {
            let (name, isBare) = try self.name()
            guard try self.skip(UInt8(ascii: ":")) else { throw self.malformed("no colon") }
            members.append(JSONMember(name, try self.value(), isBare: isBare))
            if try self.skip(UInt8(ascii: "}")) { return members }
            guard try self.skip(UInt8(ascii: ",")) else { throw self.malformed("no comma") }
        }
    }

    private mutating func name() throws(BodyError) -> (String, isBare: Bool) {
        let first = try self.peek()
        if first == UInt8(ascii: "\"") { return (try self.string(), isBare: false) }
        let start = self.at
        if first == UInt8(ascii: "{") {
            _ = try self.value()
        } else {
            self.skipWord()
            guard self.at > start else { throw self.malformed("no name") }
        }
        return (String(decoding: self.bytes[start..<self.at], as: UTF8.self), isBare: true)
    }

    private mutating func string() throws(BodyError) -> String {
        self.at += 1
        let start = self.at
        var isEscaped = false
        while true {
            self.at = JSONText.nextQuoteOrBackslash(
                in: self.bytes, from: self.at, to: self.bytes.count)
            guard self.at < self.bytes.count else { throw self.malformed("a text does not end") }
            if self.bytes[self.at] == UInt8(ascii: "\"") { break }
            isEscaped = true
            self.at += 2
        }
        let inside = UnsafeRawBufferPointer(rebasing: self.bytes[start..<self.at])
        self.at += 1
        return isEscaped
            ? String(decoding: JSONText.unescaped(inside), as: UTF8.self)
            : String(decoding: inside, as: UTF8.self)
    }

    private mutating func literal() throws(BodyError) -> JSONValue {
        let start = self.at
        self.skipWord()
        let word = UnsafeRawBufferPointer(rebasing: self.bytes[start..<self.at])
        if let number = DecimalText.integer(word, as: Int64.self) { return .integer(number) }
        let text = String(decoding: word, as: UTF8.self)
        switch text {
        case "null": return .null
        case "true": return .bool(true)
        case "false": return .bool(false)
        default:
            guard let first = word.first, first == UInt8(ascii: "-") || first &- 0x30 <= 9,
                word.allSatisfy(Self.isNumeric), let number = Double(text), number.isFinite
            else { throw self.malformed("an unknown literal") }
            return .double(number)
        }
    }

    private static func isNumeric(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "+"),
            UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"):
            true
        default: false
        }
    }

    private mutating func skipWord() {
        while self.at < self.bytes.count {
            switch self.bytes[self.at] {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "-"), UInt8(ascii: "+"),
                UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "$"):
                self.at += 1
            default: return
            }
        }
    }

    /// Steps over `byte` if it comes next.
    private mutating func skip(_ byte: UInt8) throws(BodyError) -> Bool {
        guard try self.peek() == byte else { return false }
        self.at += 1
        return true
    }

    /// The next byte that is no whitespace.
    private mutating func peek() throws(BodyError) -> UInt8 {
        self.skipWhitespace()
        guard self.at < self.bytes.count else { throw self.malformed("the text ends too early") }
        return self.bytes[self.at]
    }

    private mutating func skipWhitespace() {
        while self.at < self.bytes.count {
            let byte = self.bytes[self.at]
            guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return }
            self.at += 1
        }
    }

    private func malformed(_ problem: String) -> BodyError {
        .malformed(at: self.at, problem: problem)
    }
}
