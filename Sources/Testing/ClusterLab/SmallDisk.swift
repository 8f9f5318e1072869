import Glibc

/// A disk in memory that can be filled to the last byte without harm to the machine's own.
enum SmallDisk {
    /// - Parameter inodes: how many files and directories it has room for; nil: enough.
    static func mount(_ path: String, mebibytes: Int, inodes: Int? = nil) throws {
        if self.isMounted(path) { return }
        let limit = inodes.map { ",nr_inodes=\($0)" } ?? ""
        try Command.run(
            "mount", "-t", "tmpfs", "-o", "size=\(mebibytes)m\(limit)", "tmpfs", path)
    }

    static func unmount(_ path: String) {
        if self.isMounted(path) { _ = try? Command.run("umount", path) }
    }

    static func isMounted(_ path: String) -> Bool {
        let mounts = SmallFile.read("/proc/mounts") ?? ""
        return mounts.split(separator: "\n").contains {
            $0.split(separator: " ").dropFirst().first == path[...]
        }
    }

    /// Takes every byte that is left.
    ///
    /// - Returns: how many those were.
    static func fill(_ path: String) throws -> Int {
        let file = open(self.filler(path), O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
        guard file >= 0 else { throw LabError.failed("cannot write in \(path)") }
        defer { close(file) }
        let block = [UInt8](repeating: 1, count: 1 << 16)
        var size = block.count
        var total = 0
        while size >= 512 {
            let count = write(file, block, size)
            if count > 0 { total += count } else { size /= 2 }
        }
        return total
    }

    static func relieve(_ path: String) { unlink(self.filler(path)) }

    private static func filler(_ path: String) -> String { "\(path)/filler" }
}
