import Glibc

/// The library that moves one process's wall clock: compiled here, preloaded into nodes, steered
/// through a file for each node.
struct WallClock {
    private static let seenWithin: Duration = .seconds(5)

    /// The file that a node's clock follows.
    let file: String

    init(of node: Node) { self.file = "\(node.directory.path)/\(node.name).clock" }

    static func obstacle() -> String? {
        self.compiler == nil ? "there is no C compiler (cc, clang) for the preloaded library" : nil
    }

    private static var compiler: String? {
        Command.path(of: "cc") ?? Command.path(of: "clang")
    }

    /// - Returns: the library's path.
    static func compile(in directories: LabDirectories, to directory: String) throws -> String {
        let library = "\(directory)/wall-clock.so"
        try Command.run(
            self.compiler ?? "cc", "-O2", "-shared", "-fPIC", "-o", library,
            "\(directories.root)/cluster/wall-clock.c")
        return library
    }

    /// The words before a program's name that give it this clock.
    func environment(library: String) -> [String] {
        ["LD_PRELOAD=\(library)", "WALL_CLOCK_FILE=\(self.file)"]
    }

    /// - Returns: whether the process was seen to have moved its clock.
    func move(milliseconds: Int) throws -> Bool {
        try SmallFile.write("\(milliseconds)", to: self.file)
        return try wait(atMost: Self.seenWithin) {
            SmallFile.read("\(self.file).seen") == "\(milliseconds)"
        }
    }
}
