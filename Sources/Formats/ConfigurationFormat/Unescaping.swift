/// Backslashes of a properties file, there and back.
enum Unescaping {
    static func text(of bytes: ArraySlice<UInt8>) throws(PropertiesProblem) -> String {
        var plain: [UInt8] = []
        var rest = bytes
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "\\"), let escaped = rest.popFirst() else {
                plain.append(byte)
                continue
            }
            switch escaped {
            case UInt8(ascii: "t"): plain.append(0x09)
            case UInt8(ascii: "n"): plain.append(0x0A)
            case UInt8(ascii: "f"): plain.append(0x0C)
            case UInt8(ascii: "r"): plain.append(0x0D)
            case UInt8(ascii: "u"): plain += try Self.scalar(&rest)
            default: plain.append(escaped)
            }
        }
        guard let text = String(validating: plain, as: UTF8.self) else {
            throw PropertiesProblem("the line is not UTF-8")
        }
        return text
    }

    /// What follows `\u`: four digits, or twice four for what is outside the first plane.
    private static func scalar(_ rest: inout ArraySlice<UInt8>) throws(PropertiesProblem)
        -> [UInt8]
    {
        var units = [try Self.unit(&rest)]
        if UTF16.isLeadSurrogate(units[0]), rest.starts(with: Array("\\u".utf8)) {
            rest = rest.dropFirst(2)
            units.append(try Self.unit(&rest))
        }
        guard let text = String(validating: units, as: UTF16.self) else {
            throw PropertiesProblem("a \\u escape names half a character only")
        }
        return Array(text.utf8)
    }

    private static func unit(_ rest: inout ArraySlice<UInt8>) throws(PropertiesProblem) -> UInt16 {
        let digits = rest.prefix(4)
        rest = rest.dropFirst(4)
        let text = String(decoding: digits, as: UTF8.self)
        guard digits.count == 4, text.utf8.allSatisfy({ $0 != UInt8(ascii: "+") }),
            let unit = UInt16(text, radix: 16)
        else { throw PropertiesProblem("a \\u is followed by four hexadecimal digits") }
        return unit
    }

    /// A value as a file has it: what is not ASCII is escaped, so that Java reads it too.
    static func escaped(_ text: String) -> String {
        var escaped = ""
        for unit in text.utf16 {
            switch unit {
            case 0x09: escaped += "\\t"
            case 0x0A: escaped += "\\n"
            case 0x0C: escaped += "\\f"
            case 0x0D: escaped += "\\r"
            case 0x5C: escaped += "\\\\"
            case 0x20...0x7E: escaped.unicodeScalars.append(Unicode.Scalar(UInt8(unit)))
            default:
                let digits = String(unit, radix: 16)
                escaped += "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
            }
        }
        if escaped.hasPrefix(" ") { escaped = "\\" + escaped }
        if escaped.hasSuffix(" "), text != " " { escaped = escaped.dropLast() + "\\ " }
        return escaped
    }
}
