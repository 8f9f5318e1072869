import Chaos
import Glibc

extension DiskRun {
    /// Plays one script again and again: each time the process ends, or the power fails, at the
    /// next call that changes the disk.
    func systemCalls() async throws -> [DiskReport.Row] {
        let image = self.workspace.image(.ext4, "node")
        try image.make(mebibytes: 512)
        let faults = try self.faults(on: image.path)
        var script = CallScript(run: self, image: image, faults: faults)
        let (count, order) = try await script.count()
        self.timeline.note("the script changes the disk with \(count) calls")
        let points = (1...count).flatMap { number in
            [DiskFault.Action.die, .cutPower].map { (number, $0) }
        }
        var rows: [String: DiskReport.Row] = [:]
        for (index, (number, action)) in self.chosen(points).enumerated() {
            let (row, isHit) = try await script.play(dyingAt: number, by: action)
            if isHit { rows[row.what] = rows[row.what].map { $0 + row } ?? row }
            if self.order.stopsEarly, !row.isGood { break }
            if (index + 1) % 50 == 0 { self.timeline.note("\(index + 1) of \(points.count)") }
        }
        try image.delete()
        return [order] + rows.values.sorted { $0.what < $1.what }
    }
}

/// A broker's life in short: the first start, some messages, a segment that fills up and gets its
/// index file, an orderly stop, a second start.
private struct CallScript {
    let run: DiskRun
    let image: DiskImage
    let faults: (FaultControl, library: String)

    private static let bigBytes = 3_900_000
    private static let bigMessages = 9

    /// How many calls change the disk when nothing goes wrong, and whether their order is right.
    mutating func count() async throws -> (Int, DiskReport.Row) {
        let broker = try self.run.broker(on: self.image.path)
        let before = self.faults.0.changes
        let history = StoreHistory(topic: "script")
        try await self.live(broker, history)
        guard history.acknowledged > 20 else {
            throw LabError.failed("the script does not even work on a sound disk")
        }
        var row = DiskReport.Row("names are durable before they count")
        row.times = 1
        row.acknowledged = history.acknowledged
        row.problems = NameOrder(trace: SmallFile.read(self.faults.0.trace) ?? "").violations
        return (self.faults.0.changes - before, row)
    }

    /// - Returns: what came of it, and whether the script came so far.
    mutating func play(
        dyingAt number: Int, by action: DiskFault.Action
    ) async throws -> (DiskReport.Row, isHit: Bool) {
        try self.image.clear()
        unlink(self.faults.0.trace)
        let broker = try self.run.broker(on: self.image.path)
        let history = StoreHistory(topic: "script")
        self.faults.0.arm(DiskFault(calls: .changes, action: action, from: number, times: 1))
        try await self.live(broker, history)
        self.faults.0.disarm()
        try broker.kill()
        var row = DiskReport.Row("\(action == .die ? "death" : "power cut") at \(self.lastCall)")
        row.times = 1
        row.faults = self.faults.0.hits
        if action == .cutPower { try self.run.remount(self.image) }
        try await self.check(broker, history, &row, number)
        return (row, row.faults > 0)
    }

    private func live(_ broker: LoneBroker, _ history: StoreHistory) async throws {
        let client = StoreClient(broker)
        for life in 1...2 {
            try broker.spawn(self.faults, isTraced: true)
            guard case .serves = try await broker.awaitStart() else { break }
            await self.send(history, 6, bytes: 700, to: broker, client)
            if life == 1 {
                await self.send(history, Self.bigMessages, bytes: Self.bigBytes, to: broker, client)
                let index = "\(broker.store)/index/00000000000000000000.index"
                _ = try await until(atMost: .seconds(2)) {
                    SmallFile.exists(index) || !broker.isAlive
                }
            }
            await self.send(history, 4, bytes: 700, to: broker, client)
            guard broker.isAlive else { break }
            _ = try await broker.stop()
        }
        await client.shutdown()
    }

    private func send(
        _ history: StoreHistory, _ count: Int, bytes: Int, to broker: LoneBroker,
        _ client: StoreClient
    ) async {
        for _ in 0..<count where broker.isAlive { await client.send(history, bytes: bytes) }
    }

    /// The broker must start, have everything that was acknowledged, and go on.
    private func check(
        _ broker: LoneBroker, _ history: StoreHistory, _ row: inout DiskReport.Row, _ number: Int
    ) async throws {
        guard try await self.run.starts(broker, &row) else { return }
        let client = StoreClient(broker)
        for _ in 0..<3 where await client.send(history) != .acknowledged {
            row.problems.append("call \(number): takes no messages afterwards")
        }
        let (findings, problems) = await self.run.judge(history, with: client)
        row.add(findings)
        row.problems += problems.map { "call \(number): \($0)" }
        if findings.withheld > 0 {
            row.problems.append(
                "call \(number): \(findings.withheld) withheld: \(findings.complaint ?? "")")
        }
        try broker.kill()
        await client.shutdown()
    }

    /// The last line of the trace is the call that met the fault: `NUMBER CALL PATH BYTES`.
    private var lastCall: String {
        let lines = (SmallFile.read(self.faults.0.trace) ?? "").split(separator: "\n")
        let words = lines.last?.split(separator: " ") ?? []
        guard words.count == 4 else { return "nothing" }
        return "\(words[1]) of \(Self.kind(of: String(words[2])))"
    }

    private static func kind(of path: String) -> String {
        if path.contains("/commitlog/") { return "a segment" }
        if path.contains("/index/") { return "an index file" }
        if path.contains("log-identity") { return "the identity" }
        if path.contains("confirmed") { return "the checkpoint" }
        return path.contains("lock") ? "the lock" : "a directory"
    }
}

extension DiskReport.Row {
    fileprivate static func + (left: Self, right: Self) -> Self {
        var sum = left
        sum.times += right.times
        sum.faults += right.faults
        sum.acknowledged += right.acknowledged
        sum.lost += right.lost
        sum.wrong += right.wrong
        sum.withheld += right.withheld
        sum.problems += right.problems
        return sum
    }
}
