import Chaos
import Glibc
import MessageFormat

/// A consumer is killed or stopped while it holds messages that it has not acknowledged: how long
/// until its group's other member has all of them.
package struct Takeover {
    /// How members of the group consume.
    package enum Way: String, Sendable, CaseIterable {
        case push
        case pop
    }

    package enum Fault: String, Sendable, CaseIterable {
        case kill
        case stop

        fileprivate var signal: Int32 { self == .kill ? SIGKILL : SIGSTOP }
    }

    private static let queues = 8
    private static let joinsWithin: Duration = .seconds(30)
    private static let takenWithin: Duration = .seconds(60)

    private let cluster: Cluster
    private let way: Way
    private let fault: Fault
    private let held: Int

    /// - Parameter held: messages that the victim holds when it is struck, at least.
    package init(_ way: Way, _ fault: Fault, held: Int, on cluster: Cluster) {
        self.cluster = cluster
        self.way = way
        self.fault = fault
        self.held = held
    }

    package func run() throws -> TakeoverReport {
        try self.apus("topic", "topic", "create", self.name, "--queues", "\(Self.queues)")
        let victim = try TakeoverMember(
            "victim", holds: true, of: self.name, self.way, self.cluster)
        defer { victim.process.kill() }
        return try self.way == .push ? self.runPush(victim) : self.runPop(victim)
    }

    private var name: String { "takeover-\(self.way.rawValue)-\(self.fault.rawValue)" }

    /// Both share the queues before anything is sent, so each holds or handles its half.
    private func runPush(_ victim: TakeoverMember) throws -> TakeoverReport {
        let heir = try self.heir()
        defer { heir.process.kill() }
        for member in [victim, heir] {
            try member.wait(Self.joinsWithin, "had its share of the queues") {
                $0.assigned == Self.queues / 2
            }
        }
        try self.send(self.held * 5 / 2)
        return try self.strike(victim, heir)
    }

    /// Whoever asks first gets the messages, so the other one comes later.
    private func runPop(_ victim: TakeoverMember) throws -> TakeoverReport {
        try self.send(self.held)
        try victim.wait(Self.joinsWithin, "held all messages") { $0.received.count >= self.held }
        let heir = try self.heir()
        defer { heir.process.kill() }
        try heir.wait(Self.joinsWithin, "started") { $0.assigned != nil }
        return try self.strike(victim, heir)
    }

    private func heir() throws -> TakeoverMember {
        try TakeoverMember("heir", holds: false, of: self.name, self.way, self.cluster)
    }

    private func send(_ count: Int) throws {
        let path = "\(self.cluster.directory.path)/\(self.name).messages"
        try SmallFile.write((1...count).map { "\($0)\n" }.joined(), to: path)
        try self.apus("produce", "produce", "--topic", self.name, "--file", path)
    }

    private func strike(
        _ victim: TakeoverMember, _ heir: TakeoverMember
    ) throws -> TakeoverReport {
        try victim.wait(Self.joinsWithin, "held \(self.held) messages") {
            $0.received.count >= self.held
        }
        let struckAt = Recorder.now
        victim.process.identity.signal(self.fault.signal)
        let held = victim.sight.received.keys
        try heir.wait(Self.takenWithin, "got what the victim had held") { sight in
            held.allSatisfy { sight.received[$0] != nil }
        }
        let taken = heir.sight.received
        let delays = held.compactMap { taken[$0] }.map { max(.zero, $0 - struckAt) }.sorted()
        return TakeoverReport(way: self.way, fault: self.fault, delays: delays)
    }

    private func apus(_ what: String, _ arguments: String...) throws {
        let process = try ToolProcess(
            "\(self.name)-\(what)",
            Command(
                try self.cluster.directories.executable("apus"),
                arguments + ["--name-server", self.cluster.plan.nameServerAddresses],
                at: LabNetwork.clients, in: self.cluster.network),
            directory: self.cluster.directory.path)
        guard try process.end(within: .seconds(60)) == .exited(0) else {
            throw process.problem("failed")
        }
    }
}

/// A consumer in a process of its own that prints a line for whatever happens to it.
private struct TakeoverMember {
    /// What its lines say so far.
    struct Sight {
        /// Nil: it has not begun.
        var assigned: Int?
        /// When each message was first received.
        var received: [Substring: Tick] = [:]

        init(_ text: String) {
            for line in text.split(separator: "\n") {
                let words = line.split(separator: " ")
                guard words.count == 3, let number = Int64(words[1]), words[2] == "." else {
                    continue
                }
                if words[0] == "assigned" {
                    self.assigned = Int(number)
                } else if self.received[words[0]] == nil {
                    self.received[words[0]] = Tick(nanoseconds: number)
                }
            }
        }
    }

    let process: ToolProcess

    init(
        _ role: String, holds: Bool, of name: String, _ way: Takeover.Way, _ cluster: Cluster
    ) throws {
        let command = Command(
            try cluster.directories.executable("apus-lab"),
            [
                "takeover-member", "--name-server", cluster.plan.nameServerAddresses,
                "--topic", name, "--way", way.rawValue,
            ] + (holds ? ["--holds"] : []), at: LabNetwork.clients, in: cluster.network)
        self.process = try ToolProcess(
            "\(name)-\(role)", command, directory: cluster.directory.path)
    }

    var sight: Sight { Sight(self.process.outputText) }

    func wait(_ limit: Duration, _ what: String, until fits: (Sight) -> Bool) throws {
        let isDone = try ClusterLab.wait(atMost: limit) {
            if fits(self.sight) { return true }
            guard self.process.identity.condition != .gone else {
                throw self.process.problem("ended by itself")
            }
            return false
        }
        guard isDone else { throw self.process.problem("has not \(what) within \(limit)") }
    }
}

/// How long the messages of a struck consumer took to reach another.
package struct TakeoverReport: Sendable {
    /// After how much silence brokers give a consumer up.
    private static let lease: Duration = .seconds(10)
    private static let grace: Duration = .seconds(1)

    package var way: Takeover.Way
    package var fault: Takeover.Fault
    /// From the blow on, ascending; one for each message that the victim held.
    package var delays: [Duration]

    /// A closed connection tells at once that a consumer is gone; otherwise its lease has to pass.
    package var limit: Duration {
        self.fault == .kill ? Self.grace : Self.lease + Self.grace
    }

    package var isGood: Bool { !self.delays.isEmpty && self.delays.allSatisfy { $0 <= self.limit } }

    package static func markdown(_ reports: [TakeoverReport]) -> String {
        MarkdownTable.text(
            head: ["consumer", "fault", "messages held", "median", "worst", "at most", "verdict"],
            rows: reports.map(\.row))
    }

    private var row: [String] {
        let median = self.delays.isEmpty ? nil : self.delays[self.delays.count / 2]
        return [
            self.way.rawValue, self.fault == .kill ? "kill -9" : "SIGSTOP",
            "\(self.delays.count)", Self.text(median), Self.text(self.delays.last),
            Self.text(self.limit), self.isGood ? "good" : "too late",
        ]
    }

    private static func text(_ duration: Duration?) -> String {
        MarkdownTable.milliseconds(duration.map { Int($0 / .milliseconds(1)) })
    }
}
