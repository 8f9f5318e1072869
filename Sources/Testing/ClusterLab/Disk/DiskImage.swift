import Foundation
import Glibc

/// A disk in a file, mounted, whose power can be cut and whose state can be copied at any instant.
struct DiskImage: Hashable, Sendable {
    enum FileSystem: String, CaseIterable, Hashable, Codable, Sendable {
        case ext4
        case xfs
        /// XFS that lets files share blocks: for copies of images in no time.
        case reflink
    }

    let fileSystem: FileSystem
    let file: String
    /// Where it is mounted.
    let path: String

    /// `XFS_IOC_GOINGDOWN` and `EXT4_IOC_SHUTDOWN`, which are one number.
    private static let goDown: UInt = 0x8004_587d
    private static let withoutFlushingTheLog: UInt32 = 2
    /// `FICLONE`.
    private static let clone: UInt = 0x4004_9409

    init(_ fileSystem: FileSystem, file: String, path: String) {
        self.fileSystem = fileSystem
        self.file = file
        self.path = path
    }

    /// Why no such disk can be made here; nil if it can.
    static func obstacle(_ fileSystems: [FileSystem]) -> String? {
        guard geteuid() == 0 else { return "to mount a disk image needs root" }
        for fileSystem in fileSystems where Command.path(of: fileSystem.maker) == nil {
            return "the program \(fileSystem.maker) is missing"
        }
        guard access("/dev/loop-control", F_OK) == 0 else {
            return "there are no loop devices (/dev/loop-control)"
        }
        return nil
    }

    func make(mebibytes: Int) throws {
        try SmallFile.makeDirectory(self.path)
        unlink(self.file)
        let file = open(self.file, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard file >= 0, ftruncate(file, off_t(mebibytes << 20)) == 0 else {
            throw LabError.failed("cannot make \(self.file)")
        }
        close(file)
        let maker = self.fileSystem.maker
        switch self.fileSystem {
        case .ext4: try Command.run(maker, "-q", "-F", self.file)
        case .xfs: try Command.run(maker, "-q", "-f", self.file)
        case .reflink: try Command.run(maker, "-q", "-f", "-m", "reflink=1", self.file)
        }
        try self.mount()
    }

    func mount() throws { try Command.run("mount", "-o", "loop", self.file, self.path) }

    /// Whoever has a file on it open must have ended. The last threads of a killed process may take
    /// a moment longer than the first.
    func unmount() throws {
        guard SmallDisk.isMounted(self.path) else { return }
        _ = try wait(atMost: .seconds(5), every: .milliseconds(10)) {
            (try? Command.run("umount", self.path)) != nil
        }
        if SmallDisk.isMounted(self.path) { try Command.run("umount", self.path) }
    }

    /// Everything that was not flushed is gone at once, as when the power fails. What runs there
    /// gets errors; end it, unmount, and mount again.
    func cutPower() throws {
        let root = open(self.path, O_RDONLY | O_CLOEXEC)
        guard root >= 0 else { throw LabError.failed("cannot open \(self.path)") }
        defer { close(root) }
        var flags = Self.withoutFlushingTheLog
        guard ioctl(root, Self.goDown, &flags) == 0 else {
            throw LabError.failed(
                "cannot shut \(self.path) down: \(String(cString: strerror(errno)))")
        }
    }

    /// Deletes all that is on it, for good: a power cut does not bring it back.
    func clear() throws {
        let root = open(self.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard root >= 0 else { throw LabError.failed("cannot open \(self.path)") }
        defer { close(root) }
        for name in (try? FileManager.default.contentsOfDirectory(atPath: self.path)) ?? [] {
            try FileTree.delete("\(self.path)/\(name)")
        }
        guard fsync(root) == 0 else { throw LabError.failed("cannot flush \(self.path)") }
    }

    /// What is on this disk now, as another disk that is not mounted yet.
    func copy(to file: String, mountedAt path: String) throws -> DiskImage {
        try SmallFile.makeDirectory(path)
        unlink(file)
        let source = open(self.file, O_RDONLY | O_CLOEXEC)
        let target = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        defer {
            close(source)
            close(target)
        }
        guard source >= 0, target >= 0, ioctl(target, Self.clone, CInt(source)) == 0 else {
            throw LabError.failed(
                "cannot copy \(self.file): \(String(cString: strerror(errno)))")
        }
        return DiskImage(self.fileSystem, file: file, path: path)
    }

    func delete() throws {
        try self.unmount()
        unlink(self.file)
        rmdir(self.path)
    }
}

extension DiskImage.FileSystem {
    fileprivate var maker: String { self == .ext4 ? "mkfs.ext4" : "mkfs.xfs" }
}
