import Chaos
import Glibc
import MessageFormat

extension DiskRun {
    private static let copiesAtOnce = 20
    /// After so many rounds the disk is made anew, before it is full.
    private static let roundsPerDisk = 8

    /// Copies the disk of a broker that is being sent to, and recovers each copy.
    func snapshots() async throws -> [DiskReport.Row] {
        var row = DiskReport.Row("copy of the running disk")
        let times = self.times ?? 1
        var generator = SeededGenerator(seed: self.order.seed)
        let host = self.workspace.image(.reflink, "host")
        try host.make(mebibytes: 4_096)
        let node = DiskImage(
            .ext4, file: "\(host.path)/node.image", path: "\(self.workspace.path)/node")
        let broker = try self.broker(on: node.path)
        let client = StoreClient(broker)
        var round = 0
        while row.times < times, !self.isOver(row) {
            if round % Self.roundsPerDisk == 0 {
                try broker.kill()
                try node.unmount()
                try node.make(mebibytes: 400)
                try await broker.mustStart()
            }
            round += 1
            let history = StoreHistory(topic: "copy-\(round)")
            let count = min(Self.copiesAtOnce, times - row.times)
            let copies = try await self.copies(
                of: node, in: host, count, history, client, &generator)
            for copy in copies where !self.isOver(row) {
                try await self.check(copy, history, &row)
            }
            self.timeline.note("\(row.what): \(row.times) of \(times)")
        }
        try broker.kill()
        await client.shutdown()
        try node.unmount()
        try host.delete()
        row.note = "each copy starts with all that was acknowledged before it was made"
        return [row]
    }

    private struct Copy {
        var image: DiskImage
        var made: ClosedRange<Tick>
    }

    private func copies(
        of node: DiskImage, in host: DiskImage, _ count: Int, _ history: StoreHistory,
        _ client: StoreClient, _ generator: inout SeededGenerator
    ) async throws -> [Copy] {
        var copies: [Copy] = []
        try await self.whileSending(history, with: client, clients: 4) {
            _ = try await until(atMost: .seconds(10)) { history.acknowledged > 0 }
            for number in 0..<count {
                try await Task.sleep(for: .milliseconds(Int.random(in: 1...40, using: &generator)))
                let began = Recorder.now
                let image = try node.copy(
                    to: "\(host.path)/copy-\(number).image",
                    mountedAt: "\(self.workspace.path)/copy")
                copies.append(Copy(image: image, made: began...Recorder.now))
            }
        }
        return copies
    }

    private func check(
        _ copy: Copy, _ history: StoreHistory, _ row: inout DiskReport.Row
    ) async throws {
        try copy.image.mount()
        let broker = try self.broker(on: copy.image.path)
        let client = StoreClient(broker)
        row.times += 1
        row.faults += 1
        if try await self.starts(broker, &row) {
            let (findings, problems) = await self.judge(history, of: copy.made, with: client)
            row.add(findings)
            row.problems += problems.map { "copy \(row.times): \($0)" }
        }
        try broker.kill()
        await client.shutdown()
        try copy.image.unmount()
        unlink(copy.image.file)
    }
}
