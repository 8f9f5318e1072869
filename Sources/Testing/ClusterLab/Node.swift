import Glibc

/// One process of a cluster, present or past.
package struct Node: Sendable {
    package enum State: String, Hashable, Codable, Sendable {
        /// It listens for connections.
        case running
        /// Its process is there, its port is not open yet.
        case starting
        case paused
        /// It was taken down, or never started.
        case stopped
        /// Its process ended without being asked to.
        case dead
    }

    /// A broker reads its log back before it is ready.
    static let readyWithin: Duration = .seconds(30)
    /// A broker flushes and closes its files after SIGTERM.
    static let stopsWithin: Duration = .seconds(10)

    package let plan: NodePlan
    package let directory: ClusterDirectory

    package var name: String { self.plan.name }
    package var log: NodeLog { NodeLog(path: self.directory.log(of: self.name)) }

    /// The process that was last started as this node, alive or not; nil once it was taken down.
    package var process: ProcessIdentity? {
        SmallFile.read(self.directory.pidFile(of: self.name)).flatMap(ProcessIdentity.init(text:))
    }

    package var isAlive: Bool { self.process.map { $0.condition != .gone } ?? false }

    package var state: State {
        guard let process = self.process else { return .stopped }
        switch process.condition {
        case .gone: return .dead
        case .paused: return .paused
        case .running:
            let isOpen = LoopbackPort.isListening(self.plan.port, besides: process)
            return isOpen ? .running : .starting
        }
    }

    /// Starts the process and writes down who it is. It is not ready yet.
    ///
    /// - Returns: where its log begins.
    func start(_ executable: String, in network: LabNetwork?) throws -> Int {
        if network == nil, let port = self.plan.ports.first(where: { !LoopbackPort.isFree($0) }) {
            throw LabError.failed(
                "port \(port), which \(self.name) needs, is taken by another process: "
                    + "end that one, or choose other ports with --port-offset")
        }
        let logStart = self.log.end
        let command = Command(
            executable, ["--config", self.directory.configuration(of: self.name)],
            with: self.environment, at: self.name, in: network)
        let process = try ProcessSpawn(
            command.executable, command.arguments, output: self.log.path
        ).start()
        try SmallFile.write(process.text, to: self.directory.pidFile(of: self.name))
        return logStart
    }

    /// For `env`. A node is as its file says, whatever settings the caller's environment has.
    private var environment: [String] {
        let clock = self.plan.clockLibrary.map { WallClock(of: self).environment(library: $0) }
        return Self.settingVariables.flatMap { ["-u", $0] } + (clock ?? [])
            + (self.plan.environment ?? [])
    }

    private static let settingVariables: [String] = {
        var names: [String] = []
        var next = environ
        while let text = next.pointee {
            let name = String(cString: text).prefix { $0 != "=" }
            if name.hasPrefix("APUS_") { names.append(String(name)) }
            next = next.advanced(by: 1)
        }
        return names
    }()

    /// Waits for the line in which a server says that it serves.
    func waitUntilReady(logStart: Int) throws {
        let isReady = try wait(atMost: Self.readyWithin) {
            if self.log.saysReady(from: logStart) { return true }
            guard self.isAlive else { throw self.problem("ended before it was ready") }
            return false
        }
        guard isReady else { throw self.problem("was not ready within \(Self.readyWithin)") }
    }

    /// Asks the process to end in order, also a paused one.
    func askToStop() {
        self.process?.signal(SIGTERM)
        self.process?.signal(SIGCONT)
    }

    /// Waits for the end of a process that was asked to stop; one that does not listen is killed.
    func waitUntilStopped() throws {
        guard let process = self.process else { return }
        let ended = try wait(atMost: Self.stopsWithin) { process.condition == .gone }
        if !ended { try self.kill() }
        unlink(self.directory.pidFile(of: self.name))
    }

    /// Ends the process as a power cut would: it gets no chance to write anything.
    package func kill() throws {
        let process = try self.living()
        process.signal(SIGKILL)
        let ended = try wait(atMost: .seconds(10)) { process.condition == .gone }
        guard ended else { throw LabError.failed("\(self.name) survives SIGKILL") }
    }

    /// Stops the process's time: it keeps its connections and answers nothing.
    package func pause() throws { try self.living().signal(SIGSTOP) }

    package func resume() throws { try self.living().signal(SIGCONT) }

    private func living() throws -> ProcessIdentity {
        guard let process = self.process, process.condition != .gone else {
            throw LabError.failed(
                "\(self.name) has no process; start it with cluster/launch restart \(self.name)")
        }
        return process
    }

    private func problem(_ what: String) -> LabError {
        let tail = self.log.tail(lines: 15).map { "    \($0)\n" }.joined()
        return .failed("\(self.name) \(what); the end of \(self.log.path):\n\(tail)")
    }
}
