#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Why a file of the client could not be used.
struct FileError: Error, Hashable, CustomStringConvertible {
    var operation: String
    var path: String
    var code: Int32

    static func last(_ operation: String, _ path: String) -> Self {
        Self(operation: operation, path: path, code: errno)
    }

    static func inUse(_ path: String) -> Self {
        Self(operation: "locking", path: path, code: EWOULDBLOCK)
    }

    var description: String {
        "\(self.operation) of \(self.path) failed: \(String(cString: strerror(self.code)))"
    }
}

/// An open file or directory that closes itself.
final class DurableFile {
    private let descriptor: Int32
    let path: String

    private init(_ path: String, _ flags: Int32) throws(FileError) {
        var descriptor: Int32
        repeat {
            descriptor = open(path, flags | O_CLOEXEC, 0o644)
        } while descriptor < 0 && errno == EINTR
        guard descriptor >= 0 else { throw .last("opening", path) }
        self.descriptor = descriptor
        self.path = path
    }

    /// A child that is just being started has a copy of the descriptor until it runs its program:
    /// closing alone would leave it the lock.
    deinit {
        flock(self.descriptor, LOCK_UN)
        close(self.descriptor)
    }

    static func read(_ path: String) throws(FileError) -> DurableFile {
        try DurableFile(path, O_RDONLY)
    }

    static func write(_ path: String) throws(FileError) -> DurableFile {
        try DurableFile(path, O_RDWR | O_CREAT)
    }

    /// Nil if another process, or another producer of this one, has it.
    static func lock(_ path: String) throws(FileError) -> DurableFile? {
        let file = try Self.write(path)
        guard flock(file.descriptor, LOCK_EX | LOCK_NB) != 0 else { return file }
        if errno == EWOULDBLOCK { return nil }
        throw .last("locking", path)
    }

    var count: Int {
        get throws(FileError) {
            var status = stat()
            guard fstat(self.descriptor, &status) == 0 else { throw .last("stat", self.path) }
            return Int(status.st_size)
        }
    }

    /// As much as there is, at most `count` bytes.
    func bytes(at position: Int, count: Int) throws(FileError) -> [UInt8] {
        var failure: FileError?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, done in
            while done < count, let start = buffer.baseAddress {
                let read = pread(
                    self.descriptor, start + done, count - done, off_t(position + done))
                if read < 0 && errno == EINTR { continue }
                if read < 0 { failure = .last("reading", self.path) }
                guard read > 0 else { break }
                done += read
            }
        }
        if let failure { throw failure }
        return bytes
    }

    func write(_ bytes: [UInt8], at position: Int) throws(FileError) {
        let failure = bytes.withUnsafeBytes { bytes -> FileError? in
            var done = 0
            while done < bytes.count, let start = bytes.baseAddress {
                let written = pwrite(
                    self.descriptor, start + done, bytes.count - done, off_t(position + done))
                if written < 0 && errno == EINTR { continue }
                guard written > 0 else { return .last("writing", self.path) }
                done += written
            }
            return nil
        }
        if let failure { throw failure }
    }

    func flush() throws(FileError) {
        guard fsync(self.descriptor) == 0 else { throw .last("flushing", self.path) }
    }
}

/// Directories and what is in them.
enum FileDirectory {
    /// Makes the directory and those above it.
    static func make(_ path: String) throws(FileError) {
        var made = path.hasPrefix("/") ? "" : "."
        for part in path.split(separator: "/") {
            made += "/\(part)"
            if mkdir(made, 0o755) != 0, errno != EEXIST { throw .last("making", made) }
        }
    }

    static func names(in path: String) throws(FileError) -> [String] {
        guard let directory = opendir(path) else { throw .last("listing", path) }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            names.append(name)
        }
        return names.sorted()
    }

    static func flush(_ path: String) throws(FileError) {
        try DurableFile.read(path).flush()
    }

    static func remove(_ path: String) throws(FileError) {
        guard unlink(path) == 0 || errno == ENOENT else { throw .last("removing", path) }
    }

    static func rename(_ path: String, to new: String) throws(FileError) {
        #if canImport(Glibc)
            let result = Glibc.rename(path, new)
        #else
            let result = Darwin.rename(path, new)
        #endif
        guard result == 0 else { throw .last("renaming", path) }
    }
}
