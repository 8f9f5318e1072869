extension JSONValue {
    /// Compact JSON: no whitespace, members in their given order.
    package var encoded: [UInt8] {
        var bytes: [UInt8] = []
        self.write(to: &bytes)
        return bytes
    }

    package var encodedText: String { String(decoding: self.encoded, as: UTF8.self) }

    package func write(to bytes: inout [UInt8]) {
        switch self {
        case .null: bytes.append(contentsOf: "null".utf8)
        case .bool(let isTrue): bytes.append(contentsOf: (isTrue ? "true" : "false").utf8)
        case .integer(let number): bytes.append(contentsOf: String(number).utf8)
        case .double(let number):
            // JSON has no word for what is not a number.
            bytes.append(contentsOf: (number.isFinite ? "\(number)" : "0.0").utf8)
        case .string(let text): Self.write(text, to: &bytes)
        case .array(let elements):
            Self.write(elements, between: ("[", "]"), to: &bytes) { $0.write(to: &$1) }
        case .object(let members):
            Self.write(members, between: ("{", "}"), to: &bytes) { $0.write(to: &$1) }
        }
    }

    private static func write<T>(
        _ items: [T], between brackets: (Unicode.Scalar, Unicode.Scalar), to bytes: inout [UInt8],
        _ write: (T, inout [UInt8]) -> Void
    ) {
        bytes.append(UInt8(ascii: brackets.0))
        for (index, item) in items.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            write(item, &bytes)
        }
        bytes.append(UInt8(ascii: brackets.1))
    }

    fileprivate static func write(_ text: String, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            if JSONText.escapedCount(byte) == 1 {
                bytes.append(byte)
            } else {
                JSONText.escape(byte) { bytes.append($0) }
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }
}

extension JSONMember {
    fileprivate func write(to bytes: inout [UInt8]) {
        if self.isBare {
            bytes.append(contentsOf: self.name.utf8)
        } else {
            JSONValue.write(self.name, to: &bytes)
        }
        bytes.append(UInt8(ascii: ":"))
        self.value.write(to: &bytes)
    }
}
