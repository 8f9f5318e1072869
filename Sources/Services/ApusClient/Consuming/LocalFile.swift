#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What the client keeps on its own disk. Calls block; files are small.
enum LocalFile {
    struct Failure: Error, CustomStringConvertible {
        var operation: String
        var path: String
        var code: Int32

        var description: String {
            "\(self.operation) \(self.path): \(String(cString: strerror(self.code)))"
        }
    }

    /// Nil if there is no such file.
    static func read(_ path: String, bytesMax: Int = 64 << 20) throws(Failure) -> [UInt8]? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        if file < 0 {
            if errno == ENOENT { return nil }
            throw Self.failure("opening", path)
        }
        defer { close(file) }
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 64 << 10)
        while bytes.count < bytesMax {
            let count = unistdRead(file, &part)
            if count < 0, errno == EINTR { continue }
            if count < 0 { throw Self.failure("reading", path) }
            if count == 0 { break }
            bytes += part[..<count]
        }
        return bytes
    }

    /// The file holds these bytes or, if that fails or the machine stops, what it held before.
    static func replace(_ path: String, with bytes: [UInt8]) throws(Failure) {
        let draft = path + ".new"
        try Self.write(bytes, to: draft, flags: O_WRONLY | O_CREAT | O_TRUNC)
        guard rename(draft, path) == 0 else { throw Self.failure("renaming", draft) }
        try Self.syncFolder(of: path)
    }

    /// The bytes are on disk behind what was there when this returns.
    static func append(_ bytes: [UInt8], to path: String) throws(Failure) {
        try Self.write(bytes, to: path, flags: O_WRONLY | O_CREAT | O_APPEND)
    }

    private static func write(_ bytes: [UInt8], to path: String, flags: Int32) throws(Failure) {
        let file = open(path, flags | O_CLOEXEC, 0o644)
        guard file >= 0 else { throw Self.failure("opening", path) }
        defer { close(file) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { unistdWrite(file, $0) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw Self.failure("writing", path) }
            rest = rest.dropFirst(count)
        }
        guard fsync(file) == 0 else { throw Self.failure("flushing", path) }
    }

    private static func syncFolder(of path: String) throws(Failure) {
        let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        let file = open(folder.isEmpty ? "/" : folder, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw Self.failure("opening", folder) }
        defer { close(file) }
        guard fsync(file) == 0 else { throw Self.failure("flushing", folder) }
    }

    private static func failure(_ operation: String, _ path: String) -> Failure {
        Failure(operation: operation, path: path, code: errno)
    }
}

private func unistdRead(_ file: Int32, _ part: inout [UInt8]) -> Int {
    part.withUnsafeMutableBytes { read(file, $0.baseAddress, $0.count) }
}

private func unistdWrite(_ file: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
    write(file, bytes.baseAddress, bytes.count)
}
