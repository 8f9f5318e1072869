import Glibc
import MessageFormat

/// Directories, and the changes of their entries that must survive a power cut.
enum Directory {
    /// Creates `path` and the directories above it that are missing, durably.
    static func create(_ path: String) throws(StorageError) {
        if Self.exists(path) { return }
        let parent = Self.parent(of: path)
        if parent != path { try Self.create(parent) }
        guard mkdir(path, 0o755) == 0 || errno == EEXIST else { throw .last("mkdir", path) }
        try Self.flush(parent)
    }

    /// Makes created, renamed and deleted entries durable.
    static func flush(_ path: String) throws(StorageError) {
        #if APUS_SABOTAGE
            if Sabotage.noDirectoryFlush.isOn { return }
        #endif
        try OpenFile(path, .read).flushAll()
    }

    /// Names of the entries, sorted, without `.` and `..`.
    static func names(in path: String) throws(StorageError) -> [String] {
        guard let directory = opendir(path) else { throw .last("opendir", path) }
        defer { closedir(directory) }
        var names: [String] = []
        errno = 0
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != "." && name != ".." { names.append(name) }
            errno = 0
        }
        guard errno == 0 else { throw .last("readdir", path) }
        return names.sorted()
    }

    static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    static func status(of path: String) throws(StorageError) -> FileStatus {
        var status = stat()
        guard stat(path, &status) == 0 else { throw .last("stat", path) }
        return FileStatus(status)
    }

    /// Deletes a file; it is no error when there is none.
    static func delete(_ path: String) throws(StorageError) {
        guard unlink(path) == 0 || errno == ENOENT else { throw .last("unlink", path) }
    }

    /// Replaces `name` so that at any instant the old or the new content is there, never a mixture.
    static func replace(
        _ name: String, in directory: String, with bytes: [UInt8]
    ) throws(StorageError) {
        let temporary = "\(directory)/\(name)\(Self.temporarySuffix)"
        do throws(StorageError) {
            try Self.writeNew(temporary, bytes)
        } catch {
            unlink(temporary)
            throw error.orNoSpace(bytesNeeded: bytes.count)
        }
        try Self.rename(name + Self.temporarySuffix, to: name, in: directory)
    }

    /// One step, durable when it returns. The file's bytes were flushed before.
    static func rename(
        _ name: String, to newName: String, in directory: String
    ) throws(StorageError) {
        let (from, to) = ("\(directory)/\(name)", "\(directory)/\(newName)")
        guard Glibc.rename(from, to) == 0 else { throw .last("rename", from) }
        try Self.flush(directory)
    }

    /// Files of this name are left-overs of a crash and mean nothing.
    static let temporarySuffix = ".tmp"

    private static func writeNew(_ path: String, _ bytes: [UInt8]) throws(StorageError) {
        try Self.delete(path)
        let file = try OpenFile(path, .create)
        try bytes.withRawBytes { (bytes) throws(StorageError) in
            try file.write(bytes, at: 0)
        }
        try file.flushAll()
    }

    private static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        let parent = path[..<slash]
        return parent.isEmpty ? "/" : String(parent)
    }
}
