import Glibc

/// A node's log file: standard output and error of all its lives, one after the other.
package struct NodeLog: Hashable, Sendable {
    package let path: String

    package init(path: String) {
        self.path = path
    }

    /// Where the next line will begin.
    package var end: Int {
        var status = stat()
        return stat(self.path, &status) == 0 ? Int(status.st_size) : 0
    }

    /// The last lines, at most so many.
    package func tail(lines: Int) -> [String] {
        let readMax = 256 << 10
        let text = self.read(from: max(0, self.end - readMax))
        return text.split(separator: "\n").suffix(lines).map(String.init)
    }

    /// The last line that names a failure, without what stands before the message.
    static func lastWords(of text: String) -> String {
        let lines = text.split(separator: "\n")
        let last = lines.last { $0.contains(" critical ") || $0.contains(" error ") } ?? lines.last
        return last.map { line in
            line.split(separator: "]", maxSplits: 1).last.map(String.init) ?? String(line)
        } ?? "nothing"
    }

    /// What was written from this byte on.
    package func read(from offset: Int) -> String {
        String(decoding: self.bytes(from: offset), as: UTF8.self)
    }

    /// Hands out what is appended, until the user interrupts.
    package func follow(from offset: Int, _ appended: (String) -> Void) {
        var offset = offset
        while !Interrupt.isRequested {
            let bytes = self.bytes(from: offset)
            if bytes.isEmpty {
                rest(for: .milliseconds(100))
            } else {
                offset += bytes.count
                appended(String(decoding: bytes, as: UTF8.self))
            }
        }
    }

    /// Whether a server that started at this byte has printed its ready line.
    func saysReady(from offset: Int) -> Bool {
        self.read(from: offset).split(separator: "\n").contains { $0.hasPrefix("ready ") }
    }

    func bytes(from offset: Int) -> [UInt8] {
        let file = open(self.path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return [] }
        defer { close(file) }
        var bytes: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 64 << 10)
        while bytes.count < SmallFile.bytesMax {
            let count = pread(file, &block, block.count, offset + bytes.count)
            guard count > 0 else { break }
            bytes.append(contentsOf: block[..<count])
        }
        return bytes
    }
}
