/// A library of ours in C, compiled where it is needed and preloaded into a server.
enum PreloadLibrary: String {
    case wallClock = "wall-clock"
    case diskFaults = "disk-faults"

    static func obstacle() -> String? {
        self.compiler == nil ? "there is no C compiler (cc, clang) for the preloaded library" : nil
    }

    private static var compiler: String? {
        Command.path(of: "cc") ?? Command.path(of: "clang")
    }

    /// - Returns: the library's path.
    func compile(in directories: LabDirectories, to directory: String) throws -> String {
        let library = "\(directory)/\(self.rawValue).so"
        try Command.run(
            Self.compiler ?? "cc", "-O2", "-shared", "-fPIC", "-o", library,
            "\(directories.root)/cluster/\(self.rawValue).c", "-ldl")
        return library
    }
}
