import Glibc

/// `strace` at work on a node: it makes chosen system calls slow or lets them fail.
struct Tracer {
    private static let attachesWithin: Duration = .seconds(10)

    private let process: ToolProcess
    private let log: String

    static func obstacle() -> String? {
        guard Command.path(of: "strace") != nil else { return "the program strace is missing" }
        do {
            // Tracing may be forbidden, in containers for instance.
            try Command.run("strace", "-qq", "-o", "/dev/null", "true")
            return nil
        } catch {
            return "strace does not work here: \(error)"
        }
    }

    /// - Parameter injection: what to do to which call, as `strace -e inject=` has it.
    init(_ node: Node, call: String, injection: String, directory: String) throws {
        guard let pid = node.process?.pid, let strace = Command.path(of: "strace") else {
            throw LabError.failed("\(node.name) has no process to trace")
        }
        self.log = "\(directory)/\(node.name).strace"
        unlink(self.log)
        self.process = try ToolProcess(
            "strace", strace,
            [
                "-f", "-p", "\(pid)", "-o", self.log, "-e", "trace=\(call)",
                "-e", "inject=\(call):\(injection)",
            ], directory: directory)
    }

    /// How many calls were tampered with so far.
    var injected: Int {
        let text = NodeLog(path: self.log).read(from: 0)
        return text.split(separator: "\n").count {
            $0.contains("(INJECTED") || $0.contains("(DELAYED)")
        }
    }

    /// Waits until a call has been tampered with.
    func awaitInjection() throws -> Bool {
        try wait(atMost: Self.attachesWithin) { self.injected > 0 }
    }

    /// Lets go of the node, which goes on untouched.
    func stop() throws {
        self.process.identity.signal(SIGTERM)
        _ = try? self.process.end(within: .seconds(10))
    }
}

extension SmallDisk {
    static func obstacle() -> String? {
        guard geteuid() == 0 else { return "to mount a small disk needs root" }
        let path = "/tmp/apus-lab-disk-\(getpid())"
        defer {
            self.unmount(path)
            rmdir(path)
        }
        do {
            try SmallFile.makeDirectory(path)
            try self.mount(path, mebibytes: 1)
            return nil
        } catch {
            return "\(error)"
        }
    }
}
