/// A JSON object whose values are strings, integers, booleans, null or arrays of strings: the form
/// of every line of a history.
struct FlatObject {
    enum Value {
        case string(String)
        case integer(Int64)
        case boolean(Bool)
        case strings([String])
        case null
    }

    private var fields: [(name: String, value: Value)] = []

    init(parsing line: UnsafeRawBufferPointer) throws(HistoryError) {
        var scanner = Scanner(bytes: line)
        try scanner.expect("{")
        if !scanner.skip("}") {
            repeat {
                let name = try scanner.string()
                try scanner.expect(":")
                self.fields.append((name, try scanner.value()))
            } while scanner.skip(",")
            try scanner.expect("}")
        }
        try scanner.expectEnd()
    }

    func optionalString(_ name: String) -> String? {
        guard case .string(let text)? = self[name] else { return nil }
        return text
    }

    func string(_ name: String) throws(HistoryError) -> String {
        guard let text = self.optionalString(name) else {
            throw .damaged("field \(name) is no string")
        }
        return text
    }

    func strings(_ name: String) throws(HistoryError) -> [String] {
        guard case .strings(let texts)? = self[name] else {
            throw .damaged("field \(name) is no array")
        }
        return texts
    }

    func integer<T: FixedWidthInteger>(_ name: String, as type: T.Type) throws(HistoryError) -> T {
        guard case .integer(let number)? = self[name], let exact = T(exactly: number) else {
            throw .damaged("field \(name) is no number of this range")
        }
        return exact
    }

    func boolean(_ name: String) throws(HistoryError) -> Bool {
        guard case .boolean(let flag)? = self[name] else {
            throw .damaged("field \(name) is neither true nor false")
        }
        return flag
    }

    func has(_ name: String) -> Bool { self[name] != nil }

    private subscript(name: String) -> Value? {
        self.fields.first { $0.name == name }?.value
    }
}

extension FlatObject {
    private struct Scanner {
        let bytes: UnsafeRawBufferPointer
        var at = 0

        init(bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

        mutating func skip(_ wanted: Unicode.Scalar) -> Bool {
            self.skipSpace()
            guard self.at < self.bytes.count, self.bytes[self.at] == UInt8(ascii: wanted) else {
                return false
            }
            self.at += 1
            return true
        }

        mutating func expect(_ wanted: Unicode.Scalar) throws(HistoryError) {
            guard self.skip(wanted) else { throw .damaged("no \(wanted) at byte \(self.at)") }
        }

        mutating func expectEnd() throws(HistoryError) {
            self.skipSpace()
            guard self.at == self.bytes.count else {
                throw .damaged("more text behind the object at byte \(self.at)")
            }
        }

        mutating func value() throws(HistoryError) -> Value {
            self.skipSpace()
            guard self.at < self.bytes.count else { throw .damaged("the line ends early") }
            switch self.bytes[self.at] {
            case UInt8(ascii: "\""): return .string(try self.string())
            case UInt8(ascii: "["): return .strings(try self.strings())
            default: return try self.word()
            }
        }

        mutating func string() throws(HistoryError) -> String {
            try self.expect("\"")
            let start = self.at
            while self.at < self.bytes.count {
                switch self.bytes[self.at] {
                case UInt8(ascii: "\""):
                    self.at += 1
                    let plain = UnsafeRawBufferPointer(
                        rebasing: self.bytes[start..<(self.at - 1)])
                    return String(decoding: plain, as: UTF8.self)
                case UInt8(ascii: "\\"):
                    return try self.escapedString(from: start)
                default:
                    self.at += 1
                }
            }
            throw .damaged("a string does not end")
        }

        /// The slow way, for strings that hold escapes.
        private mutating func escapedString(from start: Int) throws(HistoryError) -> String {
            var text = Array(self.bytes[start..<self.at])
            while self.at < self.bytes.count {
                let byte = self.bytes[self.at]
                self.at += 1
                switch byte {
                case UInt8(ascii: "\""): return String(decoding: text, as: UTF8.self)
                case UInt8(ascii: "\\"): text.append(contentsOf: try self.escape().utf8)
                default: text.append(byte)
                }
            }
            throw .damaged("a string does not end")
        }

        private mutating func escape() throws(HistoryError) -> String {
            guard self.at < self.bytes.count else { throw .damaged("a string does not end") }
            let byte = self.bytes[self.at]
            self.at += 1
            switch byte {
            case UInt8(ascii: "n"): return "\n"
            case UInt8(ascii: "t"): return "\t"
            case UInt8(ascii: "r"): return "\r"
            case UInt8(ascii: "u"):
                guard self.at + 4 <= self.bytes.count,
                    let code = UInt32(
                        String(decoding: self.bytes[self.at..<(self.at + 4)], as: UTF8.self),
                        radix: 16),
                    let scalar = Unicode.Scalar(code)
                else { throw .damaged("a \\u escape is wrong at byte \(self.at)") }
                self.at += 4
                return String(scalar)
            default: return String(Unicode.Scalar(byte))
            }
        }

        private mutating func strings() throws(HistoryError) -> [String] {
            try self.expect("[")
            var texts: [String] = []
            if self.skip("]") { return texts }
            repeat { texts.append(try self.string()) } while self.skip(",")
            try self.expect("]")
            return texts
        }

        private mutating func word() throws(HistoryError) -> Value {
            let start = self.at
            while self.at < self.bytes.count, Self.isOfWord(self.bytes[self.at]) { self.at += 1 }
            let word = String(decoding: self.bytes[start..<self.at], as: UTF8.self)
            switch word {
            case "true": return .boolean(true)
            case "false": return .boolean(false)
            case "null": return .null
            default:
                guard let number = Int64(word) else {
                    throw .damaged("\"\(word)\" at byte \(start) is no value")
                }
                return .integer(number)
            }
        }

        private static func isOfWord(_ byte: UInt8) -> Bool {
            byte > 0x20 && byte != UInt8(ascii: ",") && byte != UInt8(ascii: "}")
        }

        private mutating func skipSpace() {
            while self.at < self.bytes.count, self.bytes[self.at] <= 0x20 { self.at += 1 }
        }
    }
}
