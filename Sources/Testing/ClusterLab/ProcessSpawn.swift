import Glibc

/// A program to start in a session of its own, so that a terminal's Ctrl-C does not reach it.
package struct ProcessSpawn: Sendable {
    /// `POSIX_SPAWN_SETSID` of `<spawn.h>`, which Swift does not see.
    private static let newSession: Int32 = 0x80

    package var executable: String
    package var arguments: [String]
    /// Standard output is appended here, and standard error too unless it has a file of its own.
    package var output: String
    package var errors: String?

    package init(_ executable: String, _ arguments: [String], output: String, errors: String? = nil)
    {
        self.executable = executable
        self.arguments = arguments
        self.output = output
        self.errors = errors
    }

    package func start() throws -> ProcessIdentity {
        Self.keepFilesFromChildren()
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        self.redirect(&actions)

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        Self.freshSignals(&attributes)

        let pid = try self.spawn(&actions, &attributes)
        guard let identity = ProcessIdentity(pid: pid) else {
            throw LabError.failed("\(self.executable) ended as soon as it was started")
        }
        return identity
    }

    private func redirect(_ actions: inout posix_spawn_file_actions_t) {
        let append = O_WRONLY | O_CREAT | O_APPEND
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, self.output, append, 0o644)
        if let errors = self.errors {
            posix_spawn_file_actions_addopen(&actions, 2, errors, append, 0o644)
        } else {
            posix_spawn_file_actions_adddup2(&actions, 1, 2)
        }
    }

    private func spawn(
        _ actions: inout posix_spawn_file_actions_t, _ attributes: inout posix_spawnattr_t
    ) throws -> pid_t {
        var words = ([self.executable] + self.arguments).map { strdup($0) }
        words.append(nil)
        defer { words.forEach { free($0) } }
        var pid: pid_t = 0
        let problem = posix_spawn(&pid, self.executable, &actions, &attributes, words, environ)
        guard problem == 0 else {
            throw LabError.failed(
                "cannot start \(self.executable): \(String(cString: strerror(problem)))")
        }
        return pid
    }

    /// The lab's own handlers and ignored signals are not the servers'.
    private static func freshSignals(_ attributes: inout posix_spawnattr_t) {
        var all = sigset_t()
        sigfillset(&all)
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setsigmask(&attributes, &none)
        let flags = Int32(POSIX_SPAWN_SETSIGDEF) | Int32(POSIX_SPAWN_SETSIGMASK) | Self.newSession
        posix_spawnattr_setflags(&attributes, Int16(flags))
    }

    /// A server that outlives the lab must not hold a lock or a pipe that the lab was given.
    private static func keepFilesFromChildren() {
        guard let directory = opendir("/proc/self/fd") else { return }
        defer { closedir(directory) }
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if let file = Int32(name), file > 2 { _ = fcntl(file, F_SETFD, FD_CLOEXEC) }
        }
    }
}
