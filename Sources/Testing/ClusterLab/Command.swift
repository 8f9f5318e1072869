import Glibc

/// A program and its arguments, entered into the place of a network where it is to run.
struct Command {
    private(set) var executable: String
    private(set) var arguments: [String]

    init(_ executable: String, _ arguments: [String]) {
        self.executable = executable
        self.arguments = arguments
    }

    /// - Parameter environment: variables of its own, as `NAME=value`.
    init(
        _ executable: String, _ arguments: [String], with environment: [String] = [],
        at place: String, in network: LabNetwork?
    ) {
        self.init(executable, arguments)
        if !environment.isEmpty {
            self.executable = Self.path(of: "env") ?? "env"
            self.arguments = environment + [executable] + arguments
        }
        guard let network else { return }
        // It keeps its process number and the machine's view of the disks.
        self.arguments =
            ["--net=\(network.file(of: place))", self.executable] + self.arguments
        self.executable = Self.path(of: "nsenter") ?? "nsenter"
    }

    /// Where the shell would find a program; nil: nowhere.
    static func path(of name: String) -> String? {
        let path = getenv("PATH").map { String(cString: $0) } ?? ""
        let directories = path.split(separator: ":").map(String.init) + ["/usr/sbin", "/sbin"]
        return directories.map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
    }

    /// Runs a small program of the machine's to its end.
    ///
    /// - Returns: what it printed.
    @discardableResult
    static func run(_ words: String...) throws -> String {
        let named = words.first.flatMap { $0.hasPrefix("/") ? $0 : Self.path(of: $0) }
        guard let path = named else {
            throw LabError.failed("there is no program \(words.first ?? "")")
        }
        let output = "/tmp/apus-lab-\(getpid())-\(UInt64.random(in: 0...(.max)))"
        defer { unlink(output) }
        let process = try ProcessSpawn(path, Array(words.dropFirst()), output: output).start()
        var status: Int32 = 0
        while waitpid(process.pid, &status, 0) < 0 && errno == EINTR {}
        let text = SmallFile.read(output) ?? ""
        guard status == 0 else {
            throw LabError.failed("\(words.joined(separator: " ")): \(text)")
        }
        return text
    }
}
