import Glibc

/// One real broker without a cluster: its process and its disk.
final class LoneBroker {
    /// What became of a start.
    enum Start: Hashable {
        case serves
        /// It ended first, with this code and this last line in its log.
        case ended(ToolProcess.Ending, said: String)
    }

    static let name = "broker-disk"
    private static let endsWithin: Duration = .seconds(20)
    private static let startsWithin: Duration = .seconds(30)
    /// The smallest there are: a run shall fill some.
    static let segmentBytes = 32 << 20

    let workspace: DiskWorkspace
    let executable: String
    let port: Int
    /// Where the disk with its store is mounted.
    let disk: String
    var environment: [String] = []
    var settings: [String: String] = [:]
    private(set) var process: ToolProcess?

    init(
        _ workspace: DiskWorkspace, _ directories: LabDirectories, disk: String
    ) throws {
        self.workspace = workspace
        self.executable = try directories.executable("apus-broker")
        self.disk = disk
        self.port = try Self.freePort()
    }

    var address: String { "127.0.0.1:\(self.port)" }
    var store: String { "\(self.disk)/store" }
    var log: String { self.process.flatMap { SmallFile.read($0.errors) } ?? "" }
    var isAlive: Bool { self.process.map { !Self.isGone($0.identity.pid) } ?? false }

    private static func freePort() throws -> Int {
        for _ in 0..<200 {
            let port = Int.random(in: 20_000...30_000)
            if LoopbackPort.isFree(port) { return port }
        }
        throw LabError.failed("found no free port")
    }

    /// Begins to start; `faults` steers its disk.
    func spawn(_ faults: (FaultControl, library: String)? = nil, isTraced: Bool = false) throws {
        var settings = [
            "brokerName": Self.name, "storePathRootDir": self.store, "bindAddress": "127.0.0.1",
            "brokerIP1": "127.0.0.1", "listenPort": "\(self.port)",
            // Nobody is there: the lab speaks to the broker itself.
            "namesrvAddr": "127.0.0.1:1",
            "mappedFileSizeCommitLog": "\(Self.segmentBytes)", "flushDiskType": "SYNC_FLUSH",
            "diskMaxUsedSpaceRatio": "99",
        ]
        settings.merge(self.settings) { $1 }
        let file = "\(self.workspace.path)/broker.conf"
        try SmallFile.write(
            settings.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)\n" }.joined(), to: file
        )
        let command = Command(
            self.executable, ["--config", file],
            with: self.environment + ["SWIFT_BACKTRACE=enable=no"]
                + (faults.map { $0.0.environment(library: $0.library, isTraced: isTraced) } ?? []),
            at: "", in: nil)
        let process = try ToolProcess("broker", command, directory: self.workspace.path)
        self.process = process
        self.workspace.started(process.identity)
    }

    func awaitStart() async throws -> Start {
        guard let process = self.process else { throw LabError.failed("no broker was started") }
        let hasAnswered = try await until(atMost: Self.startsWithin) {
            process.outputText.hasPrefix("ready ") || Self.isGone(process.identity.pid)
        }
        guard hasAnswered else { throw process.problem("is not ready within \(Self.startsWithin)") }
        if process.outputText.hasPrefix("ready ") { return .serves }
        return .ended(try self.ending(), said: self.lastWords)
    }

    @discardableResult
    func start(_ faults: (FaultControl, library: String)? = nil) async throws -> Start {
        try self.spawn(faults)
        return try await self.awaitStart()
    }

    /// Starts it where nothing stands in its way.
    func mustStart() async throws {
        guard case .ended(_, let said) = try await self.start() else { return }
        throw LabError.failed("the broker does not start: \(said)")
    }

    /// Ends it at once.
    func kill() throws {
        guard let process = self.process else { return }
        process.identity.signal(SIGKILL)
        _ = try Interrupt.shielded {
            try wait(atMost: .seconds(10), every: .milliseconds(2)) {
                process.identity.condition == .gone
            }
        }
        self.workspace.ended(process.identity)
    }

    /// Ends it in order.
    @discardableResult
    func stop() async throws -> ToolProcess.Ending {
        guard let process = self.process else { throw LabError.failed("no broker was started") }
        _ = Glibc.kill(process.identity.pid, SIGTERM)
        return try await self.awaitEnd(within: Self.endsWithin)
    }

    func awaitEnd(within limit: Duration) async throws -> ToolProcess.Ending {
        guard let process = self.process else { throw LabError.failed("no broker was started") }
        let hasEnded = try await until(atMost: limit) { Self.isGone(process.identity.pid) }
        guard hasEnded else { throw process.problem("has not ended within \(limit)") }
        return try self.ending()
    }

    /// Whether it ends within the limit, without being asked to.
    func ends(within limit: Duration) async throws -> Bool {
        guard let pid = self.process?.identity.pid else { return true }
        return try await until(atMost: limit) { Self.isGone(pid) }
    }

    private func ending() throws -> ToolProcess.Ending {
        guard let process = self.process else { throw LabError.failed("no broker was started") }
        defer { self.workspace.ended(process.identity) }
        return try process.end(within: .seconds(5))
    }

    /// Without reaping it: its end is yet to be read.
    private static func isGone(_ pid: Int32) -> Bool {
        guard let stat = SmallFile.read("/proc/\(pid)/stat").flatMap(ProcessStat.init) else {
            return true
        }
        return stat.state == "Z" || stat.state == "X"
    }

    var lastWords: String { NodeLog.lastWords(of: self.log) }
}

/// Asks until the answer is yes or the time is over, and lets others work meanwhile.
func until(
    atMost limit: Duration, every pause: Duration = .milliseconds(5), _ isDone: () throws -> Bool
) async throws -> Bool {
    let deadline = SuspendingClock.now + limit
    while true {
        if try isDone() { return true }
        if SuspendingClock.now >= deadline { return false }
        try Interrupt.check()
        try? await Task.sleep(for: pause)
    }
}
