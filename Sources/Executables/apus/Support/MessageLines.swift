import Glibc
import Synchronization

/// The messages to send, one after the other: given ones, or the lines of a file.
struct MessageLines {
    private static let lineBytesMax = 4 << 20

    private var given: ArraySlice<String>
    private let descriptor: Int32
    private let name: String
    private var buffer: [UInt8] = []
    /// Where the next line begins, and up to where it is known not to end.
    private var start = 0
    private var searched = 0
    private var hasEnded: Bool

    init(_ messages: [String]) {
        self.given = messages[...]
        self.descriptor = -1
        self.name = "arguments"
        self.hasEnded = true
    }

    /// No path means standard input.
    init(file: String?) throws(CommandFailure) {
        self.given = []
        self.name = file ?? "standard input"
        self.descriptor = file.map { open($0, O_RDONLY | O_CLOEXEC) } ?? STDIN_FILENO
        self.hasEnded = false
        if self.descriptor < 0 { throw self.failure(errno) }
    }

    /// The next message that is not empty; nil at the end.
    mutating func next() throws(CommandFailure) -> [UInt8]? {
        if let message = self.given.popFirst() { return Array(message.utf8) }
        while true {
            guard let line = try self.line() else { return nil }
            if !line.isEmpty { return line }
        }
    }

    private mutating func line() throws(CommandFailure) -> [UInt8]? {
        while true {
            let open = self.buffer[self.searched...]
            if let end = open.firstIndex(of: UInt8(ascii: "\n")) {
                let line = Array(self.buffer[self.start..<end])
                self.start = end + 1
                self.searched = self.start
                return line
            }
            if self.hasEnded { return self.rest() }
            try self.readMore()
        }
    }

    /// A last line without a line feed is a line too.
    private mutating func rest() -> [UInt8]? {
        guard self.start < self.buffer.count else { return nil }
        let line = Array(self.buffer[self.start...])
        self.start = self.buffer.count
        self.searched = self.start
        return line
    }

    private mutating func readMore() throws(CommandFailure) {
        self.buffer.removeSubrange(..<self.start)
        self.start = 0
        self.searched = self.buffer.count
        guard self.buffer.count < Self.lineBytesMax else {
            throw CommandFailure(
                .usage, "cannot send a line of \(self.name)",
                because: "it has more than \(Self.lineBytesMax) bytes",
                try: "cut it into smaller messages")
        }
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        let count = chunk.withUnsafeMutableBytes { read(self.descriptor, $0.baseAddress, $0.count) }
        if count < 0 {
            guard errno == EINTR else { throw self.failure(errno) }
            return
        }
        self.hasEnded = count == 0
        self.buffer += chunk[..<count]
    }

    private func failure(_ number: Int32) -> CommandFailure {
        CommandFailure(
            .usage, "cannot read \(self.name)", because: SystemText.error(number),
            try: "check the path and its permissions")
    }
}

/// How many messages were sent, for whoever watches.
final class SendTally: Sendable {
    private let number = Atomic<Int>(0)

    var sent: Int { self.number.load(ordering: .relaxed) }

    func count() { self.number.wrappingAdd(1, ordering: .relaxed) }
}
