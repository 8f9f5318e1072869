import Chaos
import Foundation
import MessageFormat

/// One fault on one broker: it strikes while clients send, it ends, and the group becomes whole.
struct GroupPlay {
    let run: DiskRun
    let group: DiskGroup
    /// Messages in full segments.
    let filled: StoreHistory
    let wanted: GroupCase
    let role: GroupRole
    let history: StoreHistory

    private static let healsWithin: Duration = .seconds(60)
    /// A broker that is not in step by then is one that needs an operator.
    private static let patience: Duration = .seconds(20)
    /// A running broker reads its full segments through in so much time, and mends them.
    private static let mendsWithin: Duration = .seconds(45)
    private static let some = 20
    private static let bigBytes = 3_000_000

    func play() async throws -> DiskReport.Row {
        var row = DiskReport.Row("\(self.role.rawValue): \(self.wanted.name)")
        row.times = 1
        let victim = try self.group.broker(as: self.role)
        let logStart = victim.log.end
        var since = SuspendingClock.now
        try await self.run.whileSending(self.history, with: self.group.client, clients: 4) {
            try await self.awaitMore(&row)
            try await self.strike(victim, &row)
            since = .now
            try await self.heal(victim, saidFrom: logStart, &row)
            try await self.awaitMore(&row)
        }
        try await self.awaitOneLog(victim, &since, &row)
        let refused = self.history.sends.count { $0.outcome != .acknowledged }
        if refused > 0 { row.note += "; \(refused) sends not acknowledged" }
        row.note += "; one log \(Timeline.seconds(since.duration(to: .now))) s later"
        await self.readAll(&row)
        return row
    }

    private func awaitMore(_ row: inout DiskReport.Row) async throws {
        let wanted = self.history.acknowledged + Self.some
        let isTaken = try await until(atMost: .seconds(30)) { self.history.acknowledged >= wanted }
        guard !isTaken else { return }
        let refused = self.history.sends.last { $0.outcome != .acknowledged }
        row.problems.append("takes no messages: \(refused?.status ?? "")")
    }

    // MARK: The fault

    private func strike(_ victim: Node, _ row: inout DiskReport.Row) async throws {
        row.faults = 1
        switch self.wanted.strike {
        case .powerCut: try self.cutPower(of: victim)
        case .fault(let fault, let thenPowerCut):
            let control = try self.group.control(of: victim)
            control.arm(fault)
            defer { control.disarm() }
            _ = try await until(atMost: .seconds(10)) { control.hits > 0 }
            _ = try await until(atMost: self.wanted.lasts) { !victim.isAlive }
            row.faults = control.hits
            if row.faults == 0 { row.problems.append("the fault met no call") }
            if thenPowerCut { try self.cutPower(of: victim) }
        case .full: try await self.fill(victim)
        case .damage(let damage, let isLive):
            try await self.damage(victim, damage, isLive: isLive && self.role == .master, &row)
        case .cutMending(let damage, let fault):
            try await self.damage(victim, damage, isLive: false, &row)
            try await self.mend(victim, until: fault, &row)
        }
    }

    private func cutPower(of victim: Node) throws {
        try self.group.image(of: victim).cutPower()
        try self.powerComesBack(to: victim)
    }

    private func powerComesBack(to victim: Node) throws {
        if victim.isAlive { try victim.kill() }
        try self.group.control(of: victim).disarm()
        try self.run.remount(self.group.image(of: victim))
    }

    /// Large messages come to the end of what the broker has reserved.
    private func fill(_ victim: Node) async throws {
        let path = try self.group.image(of: victim).path
        _ = try SmallDisk.fill(path)
        defer { SmallDisk.relieve(path) }
        let end = SuspendingClock.now + (self.run.order.isShort ? .seconds(2) : self.wanted.lasts)
        while victim.isAlive, SuspendingClock.now < end {
            await self.group.client.send(self.history, bytes: Self.bigBytes)
            try await Task.sleep(for: .milliseconds(200))
        }
    }

    private func damage(
        _ victim: Node, _ damage: DamageCase, isLive: Bool, _ row: inout DiskReport.Row
    ) async throws {
        if !isLive {
            victim.askToStop()
            try victim.waitUntilStopped()
        }
        try damage.damage(StoreFile(path: self.path(of: damage, on: victim)))
        if isLive { await self.readWhileDamaged(&row) }
    }

    private func mend(
        _ victim: Node, until fault: DiskFault, _ row: inout DiskReport.Row
    ) async throws {
        if let said = try self.group.start(victim) {
            return row.problems.append("does not start: \(said)")
        }
        let control = try self.group.control(of: victim)
        control.arm(fault)
        let isCut = try await until(atMost: Self.healsWithin) { !victim.isAlive }
        row.faults = control.hits
        guard isCut else { return row.problems.append("it was never mended") }
        try self.powerComesBack(to: victim)
    }

    /// The active segment is the last one with anything in it.
    private func path(of damage: DamageCase, on victim: Node) throws -> String {
        let store = try self.group.image(of: victim).path
        guard damage.kind == .activeSegment else { return "\(store)/\(damage.file)" }
        var path = ""
        for number in 0... {
            let name = "\(number * DiskGroup.segmentBytes)".leftPadded(to: 20, with: "0")
            let file = StoreFile(path: "\(store)/commitlog/\(name)")
            guard file.bytes > 0, try file.contentEnd() > 0 else { break }
            path = file.path
        }
        return path
    }

    // MARK: Becoming whole

    /// Starts the broker if it has ended, and waits until all are in step.
    private func heal(
        _ victim: Node, saidFrom logStart: Int, _ row: inout DiskReport.Row
    ) async throws {
        row.note = "goes on"
        if !victim.isAlive {
            let words = NodeLog.lastWords(of: victim.log.read(from: logStart))
            if case .fault(_, thenPowerCut: false) = self.wanted.strike {
                row.note = "stops: \(words)"
            } else {
                row.note = "starts"
            }
            if let said = try self.group.start(victim) {
                row.note = "does not start: \(said)"
                try self.replace(victim, &row)
            }
        }
        if try await self.isWhole(within: Self.patience) { return }
        row.note += "; not in step: \(NodeLog.lastWords(of: victim.log.read(from: logStart)))"
        try self.replace(victim, &row)
        guard try await self.isWhole(within: Self.healsWithin) else {
            row.problems.append("not whole: \(self.group.flaws.joined(separator: "; "))")
            return
        }
    }

    private func isWhole(within limit: Duration) async throws -> Bool {
        try await until(atMost: limit) { self.group.flaws.isEmpty }
    }

    /// What an operator does with a disk that is beyond repair.
    private func replace(_ victim: Node, _ row: inout DiskReport.Row) throws {
        row.note += "; started with an empty directory"
        try self.group.empty(victim)
        if let said = try self.group.start(victim) {
            row.problems.append("does not start with an empty directory: \(said)")
        }
    }

    /// What rots in the segment that is written to is found by who reads it, or at the next start.
    private var isHidden: Bool {
        if case .damage(let damage, _) = self.wanted.strike {
            return damage.kind == .activeSegment
        }
        return self.wanted.isSilent
    }

    /// Waits until all brokers have the same log; what nobody has noticed, a restart brings to light.
    private func awaitOneLog(
        _ victim: Node, _ since: inout SuspendingClock.Instant, _ row: inout DiskReport.Row
    ) async throws {
        if self.wanted.isSilent { await self.readWhileDamaged(&row) }
        let first = self.isHidden ? .seconds(2) : Self.mendsWithin
        if try await self.isOneLog(victim, within: first) { return }
        row.note += "; not one log, so it is started again"
        if victim.isAlive { try victim.kill() }
        since = .now
        if let said = try self.group.start(victim) {
            row.problems.append("does not start again: \(said)")
        }
        if try await self.isOneLog(victim, within: Self.healsWithin) { return }
        row.problems.append("not repaired within \(Self.healsWithin)")
    }

    private func isOneLog(_ victim: Node, within limit: Duration) async throws -> Bool {
        try await until(atMost: limit, every: .milliseconds(200)) {
            guard self.group.flaws.isEmpty, try self.group.isOneLog() else { return false }
            guard case .damage(let damage, _) = self.wanted.strike, damage.kind == .index else {
                return true
            }
            let paths = try self.group.brokers.map {
                "\(try self.group.image(of: $0).path)/\(damage.file)"
            }
            return paths.allSatisfy {
                FileManager.default.contentsEqual(atPath: $0, andPath: paths[0])
            }
        }
    }

    // MARK: Reading

    /// Whoever reads what is damaged there gets it right, or not at all.
    private func readWhileDamaged(_ row: inout DiskReport.Row) async {
        for _ in 0..<3 {
            for history in [self.filled, self.history] {
                let (findings, problems) = await self.run.judge(history, with: self.group.client)
                row.wrong += findings.wrong
                if findings.wrong > 0 { row.problems += problems.map { "while damaged: \($0)" } }
            }
        }
    }

    private func readAll(_ row: inout DiskReport.Row) async {
        for history in [self.history, self.filled] {
            var (findings, problems) = await self.run.judge(
                history, with: self.group.client, patience: Self.healsWithin)
            if history === self.filled { findings.acknowledged = 0 }
            row.add(findings)
            row.problems += problems
            if findings.withheld > 0 {
                row.problems.append(
                    "\(findings.withheld) withheld in the end: \(findings.complaint ?? "")")
            }
        }
    }
}
