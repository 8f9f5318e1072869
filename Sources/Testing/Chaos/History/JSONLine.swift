/// Writes one JSON object on one line, field by field, in the order of the calls.
package struct JSONLine {
    private var text = "{"

    package init() {}

    /// The finished object, without a line feed.
    package var finished: String { self.text + "}" }

    package mutating func add(_ name: String, _ value: String) {
        self.name(name)
        Self.quote(value, into: &self.text)
    }

    package mutating func add(_ name: String, _ value: some BinaryInteger) {
        self.name(name)
        self.text += String(value)
    }

    package mutating func add(_ name: String, _ value: Bool) {
        self.name(name)
        self.text += value ? "true" : "false"
    }

    /// `json` is a finished JSON text.
    package mutating func add(_ name: String, json: String) {
        self.name(name)
        self.text += json
    }

    package mutating func add(_ name: String, _ values: [String]) {
        self.name(name)
        self.text += "["
        for (index, value) in values.enumerated() {
            if index > 0 { self.text += "," }
            Self.quote(value, into: &self.text)
        }
        self.text += "]"
    }

    private mutating func name(_ name: String) {
        if self.text.utf8.count > 1 { self.text += "," }
        self.text += "\"\(name)\":"
    }

    private static func quote(_ value: String, into text: inout String) {
        text += "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }
}
