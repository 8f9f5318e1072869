import Glibc

/// Whole small files, also those under `/proc`, whose size reads as zero.
enum SmallFile {
    /// `/proc/net/tcp` of a busy machine is the largest one that the lab reads.
    static let bytesMax = 16 << 20

    /// The file's text, or nil if it cannot be read.
    static func read(_ path: String) -> String? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 64 << 10)
        while bytes.count < Self.bytesMax {
            let count = Glibc.read(file, &block, block.count)
            if count < 0 { return nil }
            if count == 0 { break }
            bytes.append(contentsOf: block[..<count])
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Replaces the file in one step: a reader sees the old text or the new, never a half.
    static func write(_ text: String, to path: String) throws {
        let temporary = "\(path).\(getpid())"
        let file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard file >= 0 else { throw self.problem("create", temporary) }
        let bytes = Array(text.utf8)
        let written = Glibc.write(file, bytes, bytes.count)
        close(file)
        guard written == bytes.count, rename(temporary, path) == 0 else {
            throw self.problem("write", path)
        }
    }

    static func makeDirectory(_ path: String) throws {
        var parent = ""
        for part in path.split(separator: "/") {
            parent += "/\(part)"
            guard mkdir(parent, 0o755) == 0 || errno == EEXIST else {
                throw self.problem("create the directory", parent)
            }
        }
    }

    static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    private static func problem(_ verb: String, _ path: String) -> LabError {
        .failed("cannot \(verb) \(path): \(String(cString: strerror(errno)))")
    }
}
