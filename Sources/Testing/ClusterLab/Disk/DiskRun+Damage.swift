import Chaos
import MessageFormat

extension DiskRun {
    /// Damages each kind of file of a stopped broker in each way, and reads all of it back.
    func damage() async throws -> [DiskReport.Row] {
        let origin = try self.workspace.directory("origin")
        let history = StoreHistory(topic: "damage")
        try await self.makeStore(at: origin, history)
        let cases = DamageCase.all(segmentBytes: LoneBroker.segmentBytes)
            .filter { self.order.only.isEmpty || $0.name.contains(self.order.only) }
        var rows: [DiskReport.Row] = []
        for wanted in self.chosen(cases) {
            let row = try await self.play(wanted, origin, history)
            self.timeline.note("\(row.what): \(row.isGood ? "good" : "BAD"): \(row.note)")
            rows.append(row)
            if self.isOver(row) { break }
        }
        return rows
    }

    /// Two segments that are full, and one that is being written.
    private func makeStore(at origin: String, _ history: StoreHistory) async throws {
        let broker = try self.broker(on: origin)
        let client = StoreClient(broker)
        try await broker.mustStart()
        let last = "\(broker.store)/index/00000000000033554432.index"
        // Eight large messages fill a segment; the third is to be begun.
        for _ in 0..<20 {
            for _ in 0..<12 { await client.send(history) }
            await client.send(history, bytes: 3_900_000)
            if SmallFile.exists(last) { break }
        }
        for _ in 0..<60 { await client.send(history) }
        guard try await until(atMost: .seconds(10), { SmallFile.exists(last) }) else {
            throw LabError.failed("the second segment has got no index file")
        }
        _ = try await broker.stop()
        await client.shutdown()
        // A busy machine may let a large message come too late.
        guard history.acknowledged * 2 > history.sends.count else {
            throw LabError.failed(
                "the store could not be made: \(history.sends.last?.status ?? "")")
        }
    }

    private func play(
        _ wanted: DamageCase, _ origin: String, _ history: StoreHistory
    ) async throws -> DiskReport.Row {
        var row = DiskReport.Row(wanted.name)
        row.times = 1
        row.faults = 1
        let disk = try self.workspace.directory("damaged")
        try FileTree.delete("\(disk)/store")
        try Command.run("cp", "-r", "--sparse=always", "\(origin)/store", "\(disk)/store")
        try wanted.damage(StoreFile(path: "\(disk)/store/\(wanted.file)"))
        let broker = try self.broker(on: disk)
        switch try await broker.start() {
        case .ended(.exited(let code), let said):
            row.note = "does not start (exit \(code)): \(said)"
            row.acknowledged = history.acknowledged
            row.withheld = history.acknowledged
            if code != 74 && code != 70 { row.problems.append("exit code \(code)") }
        case .ended(let ending, let said):
            row.problems.append("ended by \(ending.words): \(said)")
        case .serves:
            try await self.serve(broker, history, &row)
        }
        try broker.kill()
        return row
    }

    private func serve(
        _ broker: LoneBroker, _ history: StoreHistory, _ row: inout DiskReport.Row
    ) async throws {
        let client = StoreClient(broker)
        let (findings, problems) = await self.judge(history, with: client)
        row.add(findings)
        row.problems += problems
        row.note =
            findings.complaint ?? (broker.log.contains(" error ") ? broker.lastWords : "serves all")
        // Whoever goes on behind the damage must not mix up old and new.
        let more = StoreHistory(topic: "afterwards")
        for _ in 0..<3 where await client.send(more) != .acknowledged {
            row.problems.append("takes no messages: \(more.sends.last?.status ?? "")")
        }
        await client.shutdown()
    }
}
