import MessageFormat

/// A small text file whose last line is a checksum of the lines before it, so that a digit that
/// changed on the disk is not believed.
///
/// Files of earlier versions have no such line.
enum SealedText {
    private static let mark = "crc32c "

    /// - Parameter text: without a newline at its end.
    static func seal(_ text: String) -> [UInt8] {
        let lines = text + "\n"
        return Array((lines + Self.line(for: lines) + "\n").utf8)
    }

    /// The text without its checksum; nil when the checksum is wrong.
    static func open(_ bytes: [UInt8]) -> String? {
        let text = String(decoding: bytes, as: UTF8.self)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: true)
        guard let last = lines.last, last.hasPrefix(Self.mark) else {
            // A checksum whose own line is damaged is no text of an earlier version either.
            return lines.dropFirst(2).isEmpty ? text : nil
        }
        let sealed = lines.dropLast().joined(separator: "\n")
        return bytes == Self.seal(sealed) ? sealed : nil
    }

    private static func line(for lines: String) -> String {
        var lines = lines
        let checksum = lines.withUTF8 { Checksum.crc32c(UnsafeRawBufferPointer($0)) }
        return Self.mark + String(checksum, radix: 16)
    }
}
