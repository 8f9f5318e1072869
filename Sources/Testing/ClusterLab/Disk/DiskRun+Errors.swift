import Chaos
import Glibc
import MessageFormat

extension DiskRun {
    func errors() async throws -> [DiskReport.Row] {
        let image = self.workspace.image(.ext4, "node")
        try image.make(mebibytes: 512)
        let faults = try self.faults(on: image.path)
        let cases = ErrorCase.all.filter {
            self.order.only.isEmpty || $0.name.contains(self.order.only)
        }
        var rows: [DiskReport.Row] = []
        for wanted in self.chosen(cases) {
            let play = ErrorPlay(run: self, image: image, faults: faults, wanted: wanted)
            let row = try await play.run()
            self.timeline.note("\(row.what): \(row.isGood ? "good" : "BAD"): \(row.note)")
            rows.append(row)
            if self.isOver(row) { break }
        }
        try image.delete()
        return rows
    }
}

/// One fault: it strikes, it ends, the power fails, the broker starts again.
private struct ErrorPlay {
    let run: DiskRun
    let image: DiskImage
    let faults: (FaultControl, library: String)
    let wanted: ErrorCase

    private static let before = 40
    private static let bigBytes = 3_900_000
    /// Longer than a broker needs to notice, shorter than a client's patience.
    private static let lasts: Duration = .milliseconds(900)

    private var control: FaultControl { self.faults.0 }

    func run() async throws -> DiskReport.Row {
        try self.image.clear()
        var row = DiskReport.Row(self.wanted.name)
        row.times = 1
        let broker = try self.run.broker(on: self.image.path)
        let client = StoreClient(broker)
        let history = StoreHistory(topic: "errors")
        switch self.wanted.stage {
        case .firstStart: try await self.startOnFailingDisk(broker, &row)
        case .restart: try await self.restartOnFailingDisk(broker, history, client, &row)
        case .sending, .rolling, .reading:
            try await self.strike(broker, history, client, &row)
        }
        self.control.disarm()
        row.faults = self.control.hits
        if row.faults == 0 { row.problems.append("the fault met no call") }
        try await self.afterwards(broker, history, client, &row)
        try broker.kill()
        await client.shutdown()
        return row
    }

    // MARK: While the disk fails

    private func strike(
        _ broker: LoneBroker, _ history: StoreHistory, _ client: StoreClient,
        _ row: inout DiskReport.Row
    ) async throws {
        guard case .serves = try await broker.start(self.faults) else {
            throw LabError.failed("the broker does not start on a sound disk: \(broker.lastWords)")
        }
        let isRolled = self.wanted.stage == .reading && self.wanted.fault.part.contains("index")
        if isRolled { await self.roll(broker, history, client) }
        for _ in 0..<Self.before { await client.send(history) }
        self.control.arm(self.wanted.fault)
        switch self.wanted.stage {
        case .reading: break
        case .rolling:
            await self.roll(broker, history, client)
            _ = try await until(atMost: Self.lasts) { !broker.isAlive }
        default:
            try await self.run.whileSending(history, with: client, clients: 4) {
                _ = try await until(atMost: .seconds(5)) { self.control.hits > 0 }
                _ = try await until(atMost: Self.lasts) { !broker.isAlive }
                if self.wanted.fault.action == .hang { self.control.disarm() }
            }
        }
        row.falselyAcknowledged = self.falselyAcknowledged(history)
        if self.wanted.stage == .reading {
            try await self.readLive(broker, history, client, &row)
        }
        row.note = try await self.conduct(of: broker, history)
        if row.falselyAcknowledged > 0 {
            row.problems.append("\(row.falselyAcknowledged) acknowledged while every flush failed")
        }
        guard broker.isAlive, self.wanted.stage != .reading else { return }
        self.control.disarm()
        try await self.recoverLive(broker, history, client, &row)
    }

    private func roll(
        _ broker: LoneBroker, _ history: StoreHistory, _ client: StoreClient
    ) async {
        for _ in 0..<9 where broker.isAlive { await client.send(history, bytes: Self.bigBytes) }
        for _ in 0..<8 where broker.isAlive { await client.send(history) }
        _ = try? await until(atMost: .milliseconds(300)) {
            SmallFile.exists("\(broker.store)/index/00000000000000000000.index")
        }
    }

    /// A broker that goes on must serve all that it promised, and take messages again, when the
    /// disk is sound again; one that stopped has said why.
    private func recoverLive(
        _ broker: LoneBroker, _ history: StoreHistory, _ client: StoreClient,
        _ row: inout DiskReport.Row
    ) async throws {
        let deadline = SuspendingClock.now + .seconds(10)
        var isTaken = false
        while !isTaken, broker.isAlive, SuspendingClock.now < deadline {
            isTaken = await client.send(history) == .acknowledged
        }
        guard broker.isAlive else {
            row.note += "; stops later: \(broker.lastWords)"
            return
        }
        if !isTaken { row.problems.append("takes no messages although the disk is sound again") }
        // A rotten index file is made again as soon as somebody has met it.
        let (findings, problems) = await self.run.judge(
            history, with: client,
            patience: self.wanted.promise == .everything ? .seconds(10) : .zero)
        row.problems += problems.map { "before a restart: \($0)" }
        if findings.withheld > 0, self.wanted.promise == .everything {
            row.problems.append("withholds \(findings.withheld) before a restart")
        }
    }

    private func readLive(
        _ broker: LoneBroker, _ history: StoreHistory, _ client: StoreClient,
        _ row: inout DiskReport.Row
    ) async throws {
        let (findings, problems) = await self.run.judge(history, with: client)
        row.problems += problems.map { "while reads fail: \($0)" }
        row.withheld += findings.withheld
        self.control.disarm()
        let (sound, more) = await self.run.judge(history, with: client)
        row.problems += more.map { "when reads work again: \($0)" }
        if sound.withheld > 0 {
            row.problems.append("withholds \(sound.withheld) although reads work again")
        }
        if !broker.isAlive { row.problems.append("a failing read ended the broker") }
    }

    private func falselyAcknowledged(_ history: StoreHistory) -> Int {
        guard self.wanted.forbidsAcknowledging else { return 0 }
        // The first flushes after arming still work: what is asked later than a failure counts.
        guard
            let failedAt = history.sends.filter({ $0.outcome != .acknowledged }).compactMap(
                \.endedAt
            ).min()
        else { return history.sends.count }
        return history.sends.count { $0.outcome == .acknowledged && $0.startedAt >= failedAt }
    }

    private func conduct(of broker: LoneBroker, _ history: StoreHistory) async throws -> String {
        if !broker.isAlive {
            let ending = try await broker.awaitEnd(within: .seconds(5))
            return "stops (\(ending.words)): \(broker.lastWords)"
        }
        let refusals = history.sends.filter { $0.outcome != .acknowledged }
        guard let last = refusals.last else { return "goes on" }
        return "goes on; \(refusals.count) sends not acknowledged: \(last.status)"
    }

    // MARK: Starting on a failing disk

    private func startOnFailingDisk(
        _ broker: LoneBroker, _ row: inout DiskReport.Row
    ) async throws {
        self.control.arm(self.wanted.fault)
        try self.note(try await broker.start(self.faults), &row)
        self.control.disarm()
        try broker.kill()
    }

    /// A torn write lies behind the log's end, so that recovery has something to cut off.
    private func restartOnFailingDisk(
        _ broker: LoneBroker, _ history: StoreHistory, _ client: StoreClient,
        _ row: inout DiskReport.Row
    ) async throws {
        try await broker.mustStart()
        for _ in 0..<Self.before { await client.send(history) }
        try broker.kill()
        try StoreFile(path: "\(broker.store)/commitlog/00000000000000000000").tearTail()
        self.control.arm(self.wanted.fault)
        try self.note(try await broker.start(self.faults), &row)
        if broker.isAlive {
            let (_, problems) = await self.run.judge(history, with: client)
            row.problems += problems.map { "after the start: \($0)" }
        }
        self.control.disarm()
        try broker.kill()
    }

    private func note(_ start: LoneBroker.Start, _ row: inout DiskReport.Row) throws {
        switch start {
        case .serves: row.note = "starts"
        case .ended(.exited(let code), let said):
            row.note = "does not start (exit \(code)): \(said)"
            if code != 74 { row.problems.append("exit code \(code) instead of 74") }
        case .ended(let ending, _):
            row.problems.append("ended by \(ending.words)")
        }
    }

    // MARK: Afterwards

    private func afterwards(
        _ broker: LoneBroker, _ history: StoreHistory, _ client: StoreClient,
        _ row: inout DiskReport.Row
    ) async throws {
        if self.wanted.cutsPower { try self.image.cutPower() }
        try broker.kill()
        if self.wanted.cutsPower { try self.run.remount(self.image) }
        guard try await self.run.starts(broker, &row) else { return }
        let (findings, problems) = await self.run.judge(history, with: client)
        row.add(findings)
        switch self.wanted.promise {
        case .everything:
            row.problems += problems
            if findings.withheld > 0 {
                row.problems.append("\(findings.withheld) withheld: \(findings.complaint ?? "")")
            }
        case .nothingInSilence: row.problems += problems
        case .nothingWrong:
            if findings.wrong > 0 { row.problems += problems }
        }
        let more = StoreHistory(topic: "afterwards")
        for _ in 0..<3 where await client.send(more) != .acknowledged {
            row.problems.append(
                "takes no messages after a restart: \(more.sends.last?.status ?? "")")
        }
    }
}

extension ToolProcess.Ending {
    var words: String {
        switch self {
        case .exited(let code): "exit \(code)"
        case .killed(let signal): "signal \(signal)"
        }
    }
}
