import MessageFormat

extension DiskRun {
    private static let mebibytes = 512

    /// The file system loses what was not flushed, again and again, on one store.
    func powerCuts() async throws -> [DiskReport.Row] {
        let times = self.times ?? 1
        let systems: [DiskImage.FileSystem] = [.ext4, .xfs]
        var rows: [DiskReport.Row] = []
        for (index, system) in systems.enumerated() {
            let share = (times + systems.count - 1 - index) / systems.count
            guard share > 0, system.rawValue.contains(self.order.only) || self.order.only.isEmpty
            else { continue }
            rows.append(try await self.powerCuts(on: system, times: share))
        }
        return rows
    }

    private func powerCuts(
        on system: DiskImage.FileSystem, times: Int
    ) async throws -> DiskReport.Row {
        var row = DiskReport.Row("power cut, \(system.rawValue)")
        var generator = SeededGenerator(seed: self.order.seed)
        let image = self.workspace.image(system, system.rawValue)
        try image.make(mebibytes: Self.mebibytes)
        let broker = try self.broker(on: image.path)
        let client = StoreClient(broker)
        var histories: [StoreHistory] = []
        try await broker.mustStart()
        for round in 1...times where !self.isOver(row) {
            let history = StoreHistory(topic: "cut-\(round)")
            histories.append(history)
            let wait = Duration.milliseconds(Int.random(in: 0...250, using: &generator))
            try await self.whileSending(history, with: client) {
                let wasTaken = try await until(atMost: .seconds(10)) { history.acknowledged > 0 }
                if !wasTaken { row.problems.append("round \(round): nothing is acknowledged") }
                try await Task.sleep(for: wait)
                try image.cutPower()
                try broker.kill()
            }
            if round % 4 == 0 {
                try await self.cutWhileStarting(
                    broker, image, after: .milliseconds(Int.random(in: 0...90, using: &generator)))
                row.faults += 1
            }
            try self.remount(image)
            row.times += 1
            row.faults += 1
            guard try await self.starts(broker, &row) else { return row }
            let (findings, problems) = await self.judge(history, with: client)
            row.add(findings)
            row.problems += problems.map { "round \(round): \($0)" }
            if round % 20 == 0 { self.timeline.note("\(row.what): \(round) of \(times)") }
        }
        try await self.readAgain(histories, with: client, &row)
        try broker.kill()
        await client.shutdown()
        try image.delete()
        return row
    }

    private func cutWhileStarting(
        _ broker: LoneBroker, _ image: DiskImage, after wait: Duration
    ) async throws {
        try self.remount(image)
        try broker.spawn()
        try await Task.sleep(for: wait)
        try image.cutPower()
        try broker.kill()
    }

    /// The power is back.
    func remount(_ image: DiskImage) throws {
        try image.unmount()
        try image.mount()
    }

    func starts(_ broker: LoneBroker, _ row: inout DiskReport.Row) async throws -> Bool {
        guard case .ended(let ending, let said) = try await broker.start() else { return true }
        row.problems.append("the broker does not start (\(ending)): \(said)")
        return false
    }

    /// What all rounds have promised must outlast all that came later.
    private func readAgain(
        _ histories: [StoreHistory], with client: StoreClient, _ row: inout DiskReport.Row
    ) async throws {
        for history in histories where !self.isOver(row) {
            var (findings, problems) = await self.judge(history, with: client)
            findings.acknowledged = 0
            row.add(findings)
            row.problems += problems.map { "in the end, \(history.topic): \($0)" }
        }
        row.note = "starts again with all that was acknowledged"
    }
}
