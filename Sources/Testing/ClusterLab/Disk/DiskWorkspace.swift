import Glibc

/// Where a run keeps its disks and logs: in memory if there is room, named after this process.
///
/// Nothing of it stays: what a killed run has left is found by the next one and taken down.
struct DiskWorkspace: Sendable {
    private static let name = "apus-disk-"
    private static let bytesMin = 3 << 30

    let path: String

    init() throws {
        Self.takeDownLeftOvers()
        self.path = "\(Self.parent)/\(Self.name)\(getpid())"
        try SmallFile.makeDirectory(self.path)
    }

    /// A flush to memory costs little and means the same.
    private static var parent: String { self.hasRoom("/dev/shm") ? "/dev/shm" : "/tmp" }

    private static func hasRoom(_ path: String) -> Bool {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { return false }
        return Int(status.f_bavail) * Int(status.f_frsize) >= self.bytesMin
    }

    func image(_ fileSystem: DiskImage.FileSystem, _ name: String) -> DiskImage {
        DiskImage(
            fileSystem, file: "\(self.path)/\(name).image", path: "\(self.path)/\(name)")
    }

    func directory(_ name: String) throws -> String {
        try SmallFile.makeDirectory("\(self.path)/\(name)")
        return "\(self.path)/\(name)"
    }

    /// A process whose end must not be forgotten.
    func started(_ process: ProcessIdentity) {
        try? SmallFile.write(process.text, to: "\(self.path)/\(process.pid).process")
    }

    func ended(_ process: ProcessIdentity) { unlink("\(self.path)/\(process.pid).process") }

    func takeDown() { Self.takeDown(self.path) }

    private static func takeDownLeftOvers() {
        for parent in ["/dev/shm", "/tmp"] {
            for entry in self.entries(of: parent) where entry.hasPrefix(self.name) {
                guard let pid = Int32(entry.dropFirst(self.name.utf8.count)), kill(pid, 0) != 0,
                    errno == ESRCH
                else { continue }
                self.takeDown("\(parent)/\(entry)")
            }
        }
    }

    private static func takeDown(_ path: String) {
        for entry in self.entries(of: path) where entry.hasSuffix(".process") {
            let text = SmallFile.read("\(path)/\(entry)") ?? ""
            guard let process = ProcessIdentity(text: text) else { continue }
            process.signal(SIGKILL)
            process.signal(SIGCONT)
            for _ in 0..<200 where process.condition != .gone { rest(for: .milliseconds(10)) }
        }
        // What was mounted last may lie on what was mounted first.
        let mounts = (SmallFile.read("/proc/mounts") ?? "").split(separator: "\n")
            .compactMap { $0.split(separator: " ").dropFirst().first.map(String.init) }
        for mount in mounts.reversed() where mount.hasPrefix(path + "/") {
            _ = try? Command.run("umount", mount)
        }
        try? FileTree.delete(path)
    }

    private static func entries(of path: String) -> [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            names.append(
                withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                    pointer.withMemoryRebound(to: CChar.self, capacity: 256) {
                        String(cString: $0)
                    }
                })
        }
        return names
    }
}
