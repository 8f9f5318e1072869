import Chaos
import Glibc
import MessageFormat

extension DiskRun {
    /// A disk that has no room for a while.
    func full() async throws -> [DiskReport.Row] {
        let lasts: Duration = self.order.isShort ? .seconds(2) : .seconds(10)
        let cases = self.order.isShort ? [.space, .inodes] : FullDiskPlay.Case.allCases
        var rows: [DiskReport.Row] = []
        for number in 0..<(self.times ?? 1) {
            for wanted in cases
            where self.order.only.isEmpty || wanted.rawValue.contains(self.order.only) {
                let play = FullDiskPlay(run: self, wanted: wanted, lasts: lasts, number: number)
                let row = try await play.run()
                self.timeline.note("\(row.what): \(row.isGood ? "good" : "BAD"): \(row.note)")
                rows.append(row)
            }
        }
        return rows
    }
}

private struct FullDiskPlay {
    enum Case: String, CaseIterable {
        case space = "no space"
        case spaceAndKill = "no space, and a kill and a start meanwhile"
        case inodes = "no inodes"
        case image = "no space, ext4"
    }

    let run: DiskRun
    let wanted: Case
    let lasts: Duration
    let number: Int

    private static let mebibytes = 192
    private static let bigBytes = 3_000_000
    private static let recoversWithin: Duration = .seconds(5)

    func run() async throws -> DiskReport.Row {
        var row = DiskReport.Row("\(self.wanted.rawValue) for \(Timeline.seconds(self.lasts)) s")
        row.times = 1
        let disk = try self.disk()
        let broker = try self.run.broker(on: disk)
        let client = StoreClient(broker)
        let history = StoreHistory(topic: "full")
        try await broker.mustStart()
        // Less than half a segment: the next one is not there yet.
        for _ in 0..<4 { await client.send(history, bytes: Self.bigBytes) }
        for _ in 0..<20 { await client.send(history) }
        let taken = try self.fill(disk)
        row.faults = 1
        try await self.whileFull(
            broker, history, client,
            taken: "\(taken) \(self.wanted == .inodes ? "files" : "bytes")", &row)
        if self.wanted == .spaceAndKill {
            try broker.kill()
            guard try await self.run.starts(broker, &row) else { return row }
            let (_, problems) = await self.run.judge(history, with: client)
            row.problems += problems.map { "started on the full disk: \($0)" }
            let outcome = await client.send(history)
            if outcome != .acknowledged {
                row.note += "; started on it: \(history.sends.last?.status ?? "")"
            }
        }
        self.relieve(disk)
        try await self.afterwards(broker, history, client, &row)
        try broker.kill()
        await client.shutdown()
        self.takeAway(disk)
        return row
    }

    /// Everything that is not taken must be refused at once, and with a word about the disk.
    private func whileFull(
        _ broker: LoneBroker, _ history: StoreHistory, _ client: StoreClient, taken: String,
        _ row: inout DiskReport.Row
    ) async throws {
        let before = history.sends.count
        let isOver = Flag()
        async let big: Void = {
            while !isOver.isUp, !Task.isCancelled, !Interrupt.isRequested {
                await client.send(history, bytes: Self.bigBytes)
                try? await Task.sleep(for: .milliseconds(50))
            }
        }()
        try await self.run.whileSending(history, with: client, clients: 4) {
            _ = try await until(atMost: self.lasts) { !broker.isAlive }
            isOver.raise()
        }
        await big
        if !broker.isAlive { row.problems.append("the broker ended: \(broker.lastWords)") }
        let refusals = history.sends[before...].filter { $0.outcome != .acknowledged }
        let unclear = refusals.filter { !$0.status.contains("full") }
        row.note =
            "\(taken) taken; \(refusals.count) sends refused: \(refusals.last?.status ?? "none")"
        if refusals.isEmpty { row.problems.append("nothing was refused") }
        if let first = unclear.first {
            row.problems.append(
                "\(unclear.count) refused without a word of the disk: \(first.status)")
        }
    }

    private func afterwards(
        _ broker: LoneBroker, _ history: StoreHistory, _ client: StoreClient,
        _ row: inout DiskReport.Row
    ) async throws {
        let freed = SuspendingClock.now
        var isTaken = false
        while !isTaken, broker.isAlive, freed.duration(to: .now) < Self.recoversWithin {
            isTaken = await client.send(history) == .acknowledged
            if !isTaken { try await Task.sleep(for: .milliseconds(20)) }
        }
        guard isTaken else {
            row.problems.append(
                "takes no messages \(Self.recoversWithin) after there is room again")
            return
        }
        row.note += "; takes them again \(Timeline.seconds(freed.duration(to: .now))) s after"
        for _ in 0..<10 { await client.send(history, bytes: Self.bigBytes) }
        for word in ["without", "after"] {
            let (findings, problems) = await self.run.judge(history, with: client)
            row.problems += problems.map { "\(word) a restart: \($0)" }
            if findings.withheld > 0 {
                row.problems.append("\(findings.withheld) withheld \(word) a restart")
            }
            if word == "after" { row.add(findings) }
            try broker.kill()
            guard word == "without" else { break }
            guard try await self.run.starts(broker, &row) else { return }
        }
    }

    // MARK: The disk

    private func disk() throws -> String {
        let name = "full-\(self.number)-\(self.wanted == .image ? "image" : "memory")"
        if self.wanted == .image {
            let image = self.run.workspace.image(.ext4, name)
            try image.make(mebibytes: Self.mebibytes)
            return image.path
        }
        let path = try self.run.workspace.directory(name)
        try SmallDisk.mount(
            path, mebibytes: Self.mebibytes, inodes: self.wanted == .inodes ? 64 : nil)
        return path
    }

    /// - Returns: bytes, or files, that were put there.
    private func fill(_ disk: String) throws -> Int {
        guard self.wanted == .inodes else { return try SmallDisk.fill(disk) }
        var count = 0
        while true {
            let file = open("\(disk)/file-\(count)", O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
            guard file >= 0 else { return count }
            close(file)
            count += 1
        }
    }

    private func relieve(_ disk: String) {
        SmallDisk.relieve(disk)
        for number in 0..<64 { unlink("\(disk)/file-\(number)") }
    }

    private func takeAway(_ disk: String) {
        SmallDisk.unmount(disk)
        if self.wanted == .image { unlink("\(disk).image") }
    }
}
