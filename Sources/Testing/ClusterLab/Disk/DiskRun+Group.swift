import Chaos
import Glibc
import MessageFormat

extension DiskRun {
    private static let fillMessagesMax = 40

    /// One broker's disk fails or rots, a replica's and the master's, while clients send; and what
    /// was lost there comes back from the others.
    func group() async throws -> [DiskReport.Row] {
        let plays = GroupCase.all.flatMap { wanted in GroupRole.allCases.map { (wanted, $0) } }
            .filter { wanted, role in
                (!self.order.isShort || wanted.inShort == role)
                    && (self.order.only.isEmpty
                        || "\(role.rawValue): \(wanted.name)".contains(self.order.only))
            }
        var rows: [DiskReport.Row] = []
        var stage: GroupStage?
        do {
            for (wanted, role) in self.chosen(plays) {
                var now = if let stage { stage } else { try await self.stage(for: wanted) }
                stage = now
                let row = try await now.play(wanted, role)
                stage = now
                self.timeline.note("\(row.what): \(row.isGood ? "good" : "BAD"): \(row.note)")
                rows.append(row)
                if self.isOver(row) { break }
                // What follows is to be judged by itself; and a disk that was full is not full anew.
                if !row.isGood || wanted.isFull {
                    try await now.group.takeDown()
                    stage = nil
                }
            }
            if let stage { rows.append(try await stage.verifyStores()) }
        } catch {
            try? await stage?.group.takeDown()
            throw error
        }
        try await stage?.group.takeDown()
        return rows
    }

    /// Two segments that are full on all brokers, and one that is being written.
    private func stage(for wanted: GroupCase) async throws -> GroupStage {
        let group = try DiskGroup(self)
        let stage = GroupStage(run: self, group: group, filled: StoreHistory(topic: "filled"))
        do {
            let isReady = try await until(atMost: .seconds(30)) { group.flaws.isEmpty }
            guard isReady else { throw LabError.failed(group.flaws.joined(separator: "; ")) }
            // A full disk makes a broker delete what is old.
            if !wanted.isFull { try await self.fill(group, stage.filled) }
        } catch {
            try? await group.takeDown()
            throw error
        }
        return stage
    }

    private func fill(_ group: DiskGroup, _ history: StoreHistory) async throws {
        let last = group.brokers.compactMap(\.plan.dataDirectory)
            .map { "\($0)/index/00000000000033554432.index" }
        for _ in 0..<Self.fillMessagesMax where !last.contains(where: SmallFile.exists) {
            for _ in 0..<12 { await group.client.send(history) }
            await group.client.send(history, bytes: 3_900_000)
        }
        guard try await until(atMost: .seconds(20), { last.allSatisfy(SmallFile.exists) }) else {
            throw LabError.failed("the second segment has got no index file")
        }
    }
}

extension GroupCase {
    var isFull: Bool { if case .full = self.strike { true } else { false } }
}

/// A group, and what it has promised so far.
private struct GroupStage {
    let run: DiskRun
    let group: DiskGroup
    /// Messages in full segments.
    let filled: StoreHistory
    private var number = 0

    init(run: DiskRun, group: DiskGroup, filled: StoreHistory) {
        self.run = run
        self.group = group
        self.filled = filled
    }

    mutating func play(_ wanted: GroupCase, _ role: GroupRole) async throws -> DiskReport.Row {
        self.number += 1
        let play = GroupPlay(
            run: self.run, group: self.group, filled: self.filled, wanted: wanted, role: role,
            history: StoreHistory(topic: "group-\(self.number)"))
        return try await play.play()
    }

    /// At the end every byte of every store is sound.
    func verifyStores() async throws -> DiskReport.Row {
        var row = DiskReport.Row("all stores in the end")
        try self.group.cluster.down { _ in }
        for broker in self.group.brokers {
            row.times += 1
            if let text = try self.group.damage(of: broker) {
                row.problems.append("\(broker.name): \(text.split(separator: "\n").prefix(6))")
            }
        }
        row.note = "sound, as `apus verify store` reads them"
        return row
    }
}
