import Foundation
import Glibc

/// A program of ours that runs beside the cluster, with its output in files.
package struct ToolProcess: Sendable {
    package let name: String
    package let identity: ProcessIdentity
    package let output: String
    package let errors: String

    /// - Parameter directory: where its two output files go, as `NAME.out` and `NAME.err`.
    package init(
        _ name: String, _ executable: String, _ arguments: [String], directory: String
    ) throws {
        try self.init(name, Command(executable, arguments), directory: directory)
    }

    init(_ name: String, _ command: Command, directory: String) throws {
        self.name = name
        self.output = "\(directory)/\(name).out"
        self.errors = "\(directory)/\(name).err"
        unlink(self.output)
        unlink(self.errors)
        self.identity = try ProcessSpawn(
            command.executable, command.arguments, output: self.output, errors: self.errors
        ).start()
    }

    package var outputText: String { SmallFile.read(self.output) ?? "" }

    /// How the process ended.
    package enum Ending: Hashable, Sendable {
        case exited(Int32)
        case killed(by: Int32)
    }

    /// Waits for the process's end and says how it came; only once.
    package func end(within limit: Duration) throws -> Ending {
        var status: Int32 = 0
        let ended = try wait(atMost: limit) {
            let result = waitpid(self.identity.pid, &status, WNOHANG)
            return result == self.identity.pid || (result < 0 && errno == ECHILD)
        }
        guard ended else { throw self.problem("has not ended within \(limit)") }
        return status & 0x7f == 0 ? .exited((status >> 8) & 0xff) : .killed(by: status & 0x7f)
    }

    package func kill() { self.identity.signal(SIGKILL) }

    package func problem(_ what: String) -> LabError {
        let tail = NodeLog(path: self.errors).tail(lines: 15).map { "    \($0)\n" }.joined()
        return .failed("\(self.name) \(what); the end of \(self.errors):\n\(tail)")
    }
}
