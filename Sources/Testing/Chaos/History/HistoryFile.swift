internal import Glibc
internal import MessageFormat
internal import Synchronization

/// Appends a history to a file, a line a call, unbuffered: what was written survives the death of
/// this process, so a re-check never misses a send that was begun.
package final class HistoryWriter: Sendable {
    private let path: String
    private let descriptor: Mutex<Int32>

    /// Creates the file, or empties it, and writes the header.
    package init(path: String, header: HistoryHeader) throws(HistoryError) {
        self.path = path
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw .cannotWrite(path: path, errno: errno) }
        self.descriptor = Mutex(descriptor)
        try self.append(header.line)
    }

    deinit {
        self.descriptor.withLock { _ = close($0) }
    }

    package func append(_ line: String) throws(HistoryError) {
        let bytes = Array((line + "\n").utf8)
        let problem: Int32? = self.descriptor.withLock { descriptor in
            var written = 0
            while written < bytes.count {
                let count = bytes.withUnsafeBytes {
                    write(descriptor, $0.baseAddress.map { $0 + written }, bytes.count - written)
                }
                if count < 0, errno != EINTR { return errno }
                written += max(count, 0)
            }
            return nil
        }
        if let problem { throw .cannotWrite(path: self.path, errno: problem) }
    }
}

/// Reads a history back, in pieces, so that its length does not matter.
package struct HistoryReader {
    package private(set) var header: HistoryHeader?
    /// The last line, if it breaks off: the writer died in the middle of it.
    package private(set) var tornLine: String?

    private var lineNumber = 0
    private var unfinished: [UInt8] = []

    package init() {}

    /// Calls `event` for each event of the file. A torn last line is kept, not thrown; damage
    /// anywhere else is an error with its line's number.
    package mutating func read(
        path: String, began: (HistoryHeader) -> Void, event: (HistoryEvent) -> Void
    ) throws(HistoryError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .cannotRead(path: path, errno: errno) }
        defer { _ = close(descriptor) }
        var chunk = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            let count = chunk.withUnsafeMutableBytes {
                Glibc.read(descriptor, $0.baseAddress, $0.count)
            }
            if count < 0 {
                if errno == EINTR { continue }
                throw .cannotRead(path: path, errno: errno)
            }
            if count == 0 { return try self.finish() }
            try self.append(chunk[..<count], began: began, event: event)
        }
    }

    /// Takes the next piece of the text.
    package mutating func append(
        _ bytes: ArraySlice<UInt8>, began: (HistoryHeader) -> Void, event: (HistoryEvent) -> Void
    ) throws(HistoryError) {
        var rest = bytes
        while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            self.unfinished.append(contentsOf: rest[..<end])
            rest = rest[(end + 1)...]
            try self.line(began: began, event: event)
            self.unfinished.removeAll(keepingCapacity: true)
        }
        self.unfinished.append(contentsOf: rest)
    }

    /// The text has ended.
    package mutating func finish() throws(HistoryError) {
        if !self.unfinished.isEmpty {
            self.tornLine = String(decoding: self.unfinished, as: UTF8.self)
        }
        if self.header == nil { throw .damagedLine(1, "there is no header") }
    }

    private mutating func line(
        began: (HistoryHeader) -> Void, event: (HistoryEvent) -> Void
    ) throws(HistoryError) {
        self.lineNumber += 1
        let bytes = self.unfinished
        do throws(HistoryError) {
            if self.header == nil {
                let header = try Self.parsed(bytes, HistoryHeader.init(parsing:))
                self.header = header
                began(header)
            } else {
                event(try Self.parsed(bytes, HistoryEvent.init(parsing:)))
            }
        } catch {
            guard case .damaged(let problem) = error else { throw error }
            throw .damagedLine(self.lineNumber, problem)
        }
    }

    private static func parsed<T>(
        _ bytes: [UInt8], _ parse: (UnsafeRawBufferPointer) throws(HistoryError) -> T
    ) throws(HistoryError) -> T {
        let result: Result<T, HistoryError> = bytes.withUnsafeBytes { buffer in
            Result { () throws(HistoryError) in try parse(buffer) }
        }
        return try result.get()
    }
}
