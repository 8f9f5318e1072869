/// Settings as lines of `key=value`: the form of configuration files and of the bodies that carry
/// them. Lines that are empty or start with `#` or `!` say nothing.
package struct PropertiesText: Hashable, Sendable {
    package var pairs: [(key: String, value: String)]

    package init(pairs: [(key: String, value: String)]) { self.pairs = pairs }

    package init(parsing text: String) {
        self.pairs = text.split(whereSeparator: \.isNewline).compactMap { line in
            let line = Self.trimmed(line)
            guard let first = line.first, first != "#", first != "!" else { return nil }
            guard let separator = line.firstIndex(of: "=") else { return (String(line), "") }
            return (
                String(Self.trimmed(line[..<separator])),
                String(Self.trimmed(line[line.index(after: separator)...]))
            )
        }
    }

    package init(parsing bytes: [UInt8]) {
        self.init(parsing: String(decoding: bytes, as: UTF8.self))
    }

    /// A key that occurs twice counts with its last value.
    package subscript(key: String) -> String? { self.pairs.last { $0.key == key }?.value }

    package var table: [String: String] {
        Dictionary(self.pairs.map { ($0.key, $0.value) }, uniquingKeysWith: { $1 })
    }

    package var text: String { self.pairs.map { "\($0.key)=\($0.value)\n" }.joined() }

    package var encoded: [UInt8] { Array(self.text.utf8) }

    private static func trimmed(_ text: Substring) -> Substring {
        var text = text.drop(while: \.isWhitespace)
        while text.last?.isWhitespace == true { text.removeLast() }
        return text
    }

    package static func == (left: Self, right: Self) -> Bool {
        left.pairs.elementsEqual(right.pairs, by: ==)
    }

    package func hash(into hasher: inout Hasher) {
        for pair in self.pairs {
            hasher.combine(pair.key)
            hasher.combine(pair.value)
        }
    }
}
