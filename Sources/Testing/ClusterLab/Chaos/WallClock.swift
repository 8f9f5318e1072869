import Glibc

/// Moves the wall clock of a node into which the library was preloaded, through a file for each node.
struct WallClock {
    private static let seenWithin: Duration = .seconds(5)

    /// The file that a node's clock follows.
    let file: String

    init(of node: Node) { self.file = "\(node.directory.path)/\(node.name).clock" }

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
