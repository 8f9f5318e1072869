import Foundation
import Glibc

/// A scenario in a process of its own, in the network that it needs, with a cluster of its own.
///
/// Whatever becomes of it, nothing stays: no process, no namespace, no mounted disk.
package struct ScenarioProcess {
    private let directories: LabDirectories
    private var order: ScenarioRun.Order
    private let isKept: Bool

    /// - Parameter isKept: leave the brokers' data where it is.
    package init(_ order: ScenarioRun.Order, in directories: LabDirectories, isKept: Bool) {
        self.directories = directories
        self.order = order
        self.isKept = isKept
        self.order.options.name = "chaos-\(order.scenario.rawValue)"
        if order.scenario.needsNetwork { self.order.options.network = order.scenario.rawValue }
        if order.scenario == .transaction {
            // Brokers ask within a short run, more than once.
            self.order.options.brokerSettings = [
                "transactionTimeOut": "1000", "transactionCheckInterval": "2000",
            ]
        }
        if order.scenario == .fullDisk { self.order.options.diskMebibytes = 256 }
    }

    /// - Parameter write: hears the timeline's lines.
    package func run(write: (String) -> Void) throws -> ScenarioReport {
        let scenario = self.order.scenario
        if let obstacle = scenario.obstacle() {
            return ScenarioReport(scenario, .skipped, reasons: [obstacle])
        }
        try self.clearAway()
        defer { Interrupt.shielded { self.cleanUp() } }
        let plan = ClusterPlan(options: self.order.options, dataDirectory: "/")
        let network = self.order.options.network.map(LabNetwork.init(id:))
        if let network {
            try network.delete()
            try network.make(nodes: plan.nodes.map(\.name))
        }
        try SmallFile.makeDirectory(self.directory.path)
        var order = self.order
        if scenario == .clockJump {
            order.options.clockLibrary = try PreloadLibrary.wallClock.compile(
                in: self.directories, to: self.directory.path)
        }
        return try self.play(order, in: network, write: write)
    }

    private var directory: ClusterDirectory { self.directories.cluster(self.order.options.name) }
    private var reportFile: String { "\(self.directory.path)/report.json" }

    /// The last run of the same scenario has left its histories, or more if it failed.
    private func clearAway() throws {
        let name = self.order.options.name
        guard let old = try Cluster.find(name, in: self.directories) else { return }
        guard old.living.isEmpty else {
            throw LabError.failed(
                "cluster \(name) runs: another chaos run is at it, or has left it; "
                    + "cluster/launch wipe --name \(name)")
        }
        try old.wipe { _ in }
    }

    private func play(
        _ order: ScenarioRun.Order, in network: LabNetwork?, write: (String) -> Void
    ) throws -> ScenarioReport {
        let command = Command(
            try self.directories.executable("apus-lab"),
            [
                "scenario", "--order", try Self.text(order), "--report", self.reportFile,
            ], at: LabNetwork.lab, in: network)
        let process = try ToolProcess("scenario", command, directory: self.directory.path)
        do {
            var offset = 0
            while process.identity.condition != .gone {
                self.forward(process, from: &offset, write)
                try Interrupt.check()
                rest(for: .milliseconds(50))
            }
            self.forward(process, from: &offset, write)
        } catch {
            // It takes its own cluster down.
            process.identity.signal(SIGTERM)
            Interrupt.shielded { _ = try? process.end(within: .seconds(60)) }
            process.kill()
            throw error
        }
        guard let text = SmallFile.read(self.reportFile),
            let report = try? JSONDecoder().decode(ScenarioReport.self, from: Data(text.utf8))
        else { throw process.problem("left no report") }
        return report
    }

    private func forward(
        _ process: ToolProcess, from offset: inout Int, _ write: (String) -> Void
    ) {
        let text = NodeLog(path: process.output).bytes(from: offset)
        guard let end = text.lastIndex(of: UInt8(ascii: "\n")) else { return }
        offset += end + 1
        for line in text[..<end].split(separator: UInt8(ascii: "\n")) {
            write(String(decoding: line, as: UTF8.self))
        }
    }

    /// The scenario's process may have been killed before it could do this itself.
    private func cleanUp() {
        let cluster = try? Cluster.find(self.order.options.name, in: self.directories)
        if let cluster {
            try? cluster.down { _ in }
            if !self.isKept { try? cluster.deleteData() }
        }
        try? self.order.options.network.map(LabNetwork.init(id:))?.delete()
    }

    static func text(_ order: ScenarioRun.Order) throws -> String {
        String(decoding: try JSONEncoder().encode(order), as: UTF8.self)
    }

    /// What `play` passed on.
    package static func order(parsing text: String) throws -> ScenarioRun.Order {
        do {
            return try JSONDecoder().decode(ScenarioRun.Order.self, from: Data(text.utf8))
        } catch {
            throw LabError.usage("--order is not an order: \(error)")
        }
    }
}
