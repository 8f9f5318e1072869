import Glibc

/// A process, told apart from a later one that got the same number.
///
/// The kernel hands pids out again; the start time (in clock ticks since boot) makes the pair
/// unique, so the lab never signals a stranger.
package struct ProcessIdentity: Hashable, Codable, Sendable {
    package var pid: Int32
    package var startTime: UInt64

    package enum Condition: Hashable, Sendable {
        case running
        /// Stopped by SIGSTOP.
        case paused
        case gone
    }

    package init(pid: Int32, startTime: UInt64) {
        self.pid = pid
        self.startTime = startTime
    }

    /// The process that has this number now; nil if there is none.
    package init?(pid: Int32) {
        guard let text = SmallFile.read("/proc/\(pid)/stat"), let stat = ProcessStat(text) else {
            return nil
        }
        self.init(pid: pid, startTime: stat.startTime)
    }

    /// Reads "PID START", as `text` writes it.
    package init?(text: String) {
        let parts = text.split(whereSeparator: \.isWhitespace)
        guard parts.count == 2, let pid = Int32(parts[0]), pid > 1, let start = UInt64(parts[1])
        else { return nil }
        self.init(pid: pid, startTime: start)
    }

    package var text: String { "\(self.pid) \(self.startTime)\n" }

    package var condition: Condition {
        waitpid(self.pid, nil, WNOHANG)  // reaps it if it was ours; harmless if not
        guard let text = SmallFile.read("/proc/\(self.pid)/stat"),
            let stat = ProcessStat(text), stat.startTime == self.startTime
        else { return .gone }
        switch stat.state {
        case "T", "t": return .paused
        case "Z", "X": return .gone  // a zombie holds no port and no file
        default: return .running
        }
    }

    /// False if the process is gone.
    @discardableResult
    package func signal(_ number: Int32) -> Bool {
        guard self.condition != .gone else { return false }
        return kill(self.pid, number) == 0
    }
}

/// The two fields of `/proc/PID/stat` that tell who a process is and how it does.
struct ProcessStat: Hashable {
    var state: Character
    var startTime: UInt64

    /// The second field is the program's name in parentheses, and may hold anything, spaces and
    /// parentheses included: the fields are counted from its last closing one.
    init?(_ text: String) {
        guard let nameEnd = text.lastIndex(of: ")") else { return nil }
        let fields = text[text.index(after: nameEnd)...].split(separator: " ")
        guard fields.count > 19, let state = fields[0].first, let start = UInt64(fields[19])
        else { return nil }
        self.state = state
        self.startTime = start
    }
}
