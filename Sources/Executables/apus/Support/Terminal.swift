import Glibc
import RemotingProtocol

/// Standard output and standard error, in whole pieces.
enum Terminal {
    static func print(_ text: String) { Self.write(Array((text + "\n").utf8), to: STDOUT_FILENO) }

    static func print(_ json: JSONValue) {
        Self.write(json.encoded + [UInt8(ascii: "\n")], to: STDOUT_FILENO)
    }

    static func write(_ bytes: [UInt8]) { Self.write(bytes, to: STDOUT_FILENO) }

    static func note(_ text: String) { Self.write(Array((text + "\n").utf8), to: STDERR_FILENO) }

    static func noteUnfinished(_ text: String) { Self.write(Array(text.utf8), to: STDERR_FILENO) }

    static var errorIsTerminal: Bool { isatty(STDERR_FILENO) == 1 }
    static var outputIsTerminal: Bool { isatty(STDOUT_FILENO) == 1 }
    static var inputIsTerminal: Bool { isatty(STDIN_FILENO) == 1 }

    private static func write(_ bytes: [UInt8], to descriptor: Int32) {
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress.map { $0 + written }, bytes.count - written)
            }
            if count < 0 {
                if errno == EINTR { continue }
                // Whoever read us has gone, such as `head`: there is nobody left to work for.
                exit(errno == EPIPE ? 0 : ExitStatus.internalFault.rawValue)
            }
            written += count
        }
    }
}

/// Rows of text under headings, as wide as needed.
struct Table {
    private var rows: [[String]]

    init(_ headings: String...) { self.rows = [headings] }

    mutating func add(_ cells: String...) { self.rows.append(cells) }

    var text: String {
        let columns = self.rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in
            self.rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
        }
        return self.rows.map { row in
            var line = ""
            for (cell, width) in zip(row, widths) {
                line += cell + String(repeating: " ", count: width - cell.count + 2)
            }
            while line.last == " " { line.removeLast() }
            return line
        }.joined(separator: "\n")
    }
}

/// Words of the operating system.
enum SystemText {
    static func error(_ number: Int32) -> String { String(cString: strerror(number)) }

    static func environment(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }
    }
}
