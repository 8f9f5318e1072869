/// A configuration file in RocketMQ's form, which is that of Java's properties.
///
/// Lines `key=value`; `:` or a blank part them as well. Lines that begin with `#` or `!` say
/// nothing. A backslash at a line's end joins the next line to it, elsewhere it makes an escape:
/// `\t`, `\n`, `\r`, `\f`, `\u00e9`, and of any other character itself. Unlike Java's, the bytes
/// are UTF-8, and blanks at the end of a value do not belong to it.
package struct PropertiesFile: Hashable, Sendable {
    package struct Entry: Hashable, Sendable {
        package let key: String
        package let value: String
        /// The line on which it begins, from 1.
        package let line: Int
    }

    /// How whoever asked for it called it.
    package let name: String
    /// In the order of the file; a key may occur twice.
    package let entries: [Entry]

    package init(parsing bytes: [UInt8], name: String) throws(ConfigurationProblem) {
        var lines = LogicalLines(bytes: bytes)
        var entries: [Entry] = []
        if let problem = lines.problem { throw ConfigurationProblem(at: name, problem) }
        while let line = lines.next() {
            do throws(PropertiesProblem) {
                entries.append(try Self.entry(line))
            } catch {
                throw ConfigurationProblem(at: "\(name):\(line.number)", error.text)
            }
        }
        self.name = name
        self.entries = entries
    }

    private static func entry(_ line: LogicalLines.Line) throws(PropertiesProblem) -> Entry {
        let bytes = line.bytes
        if let control = bytes.first(where: { $0 < 0x20 && !$0.isBlank }) {
            throw PropertiesProblem("the line has the control character \(control)")
        }
        let keyEnd = Self.endOfKey(in: bytes)
        guard keyEnd > bytes.startIndex else {
            throw PropertiesProblem("there is no key before the =")
        }
        let key = try Unescaping.text(of: bytes[..<keyEnd])
        let value = try Unescaping.text(of: Self.value(in: bytes[keyEnd...]))
        return Entry(key: key, value: value, line: line.number)
    }

    private static func endOfKey(in bytes: ArraySlice<UInt8>) -> Int {
        var index = bytes.startIndex
        while index < bytes.endIndex {
            switch bytes[index] {
            case UInt8(ascii: "\\"): index += 2
            case UInt8(ascii: "="), UInt8(ascii: ":"): return index
            case let byte where byte.isBlank: return index
            default: index += 1
            }
        }
        return bytes.endIndex
    }

    /// What follows one separator, without the blanks around it.
    private static func value(in bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var rest = bytes.drop { $0.isBlank }
        if rest.first == UInt8(ascii: "=") || rest.first == UInt8(ascii: ":") {
            rest = rest.dropFirst().drop { $0.isBlank }
        }
        while let last = rest.last, last.isBlank, !rest.dropLast().endsInEscape {
            rest.removeLast()
        }
        return rest
    }
}

struct PropertiesProblem: Error {
    let text: String

    init(_ text: String) { self.text = text }
}

/// Lines without comments and empty ones, each with those that a backslash joins to it.
private struct LogicalLines {
    struct Line {
        let bytes: ArraySlice<UInt8>
        let number: Int
    }

    /// Why none of it can be read.
    let problem: String?
    private var rest: ArraySlice<UInt8>
    private var number = 0

    init(bytes: [UInt8]) {
        let isWide = bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF])
        self.problem = isWide ? "the file is UTF-16; write it as UTF-8" : nil
        self.rest = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes.dropFirst(3) : bytes[...]
    }

    mutating func next() -> Line? {
        while var line = self.nextNatural() {
            let first = self.number
            line = line.drop { $0.isBlank }
            guard let start = line.first, start != UInt8(ascii: "#"), start != UInt8(ascii: "!")
            else { continue }
            var joined = line
            while joined.endsInEscape {
                joined.removeLast()
                guard let more = self.nextNatural() else { break }
                joined += more.drop { $0.isBlank }
            }
            if joined.isEmpty { continue }
            return Line(bytes: joined, number: first)
        }
        return nil
    }

    /// Ends at LF, CR or both.
    private mutating func nextNatural() -> ArraySlice<UInt8>? {
        guard !self.rest.isEmpty else { return nil }
        self.number += 1
        let end = self.rest.firstIndex { $0 == 0x0A || $0 == 0x0D } ?? self.rest.endIndex
        let line = self.rest[..<end]
        self.rest = self.rest[end...]
        if self.rest.starts(with: [0x0D, 0x0A]) {
            self.rest = self.rest.dropFirst(2)
        } else {
            self.rest = self.rest.dropFirst()
        }
        return line
    }
}

extension UInt8 {
    /// A blank, a tab or a form feed.
    fileprivate var isBlank: Bool { self == 0x20 || self == 0x09 || self == 0x0C }
}

extension ArraySlice<UInt8> {
    /// Whether a backslash that is not itself escaped stands at the end.
    fileprivate var endsInEscape: Bool {
        self.reversed().prefix { $0 == UInt8(ascii: "\\") }.count % 2 == 1
    }
}
