import Chaos
import MessageFormat
import Synchronization

/// One suite, played with real brokers on disks of its own. Whatever becomes of it, nothing stays:
/// no process, no mount, no file.
package struct DiskRun: Sendable {
    package struct Order: Sendable {
        package var suite: DiskSuite
        /// How often; nil: as the suite wants.
        package var times: Int?
        package var seed: UInt64 = 1
        package var isShort = false
        /// Only rows with this in their name.
        package var only = ""
        /// Variables for the brokers, as `NAME=value`.
        package var environment: [String] = []
        /// Whether the first broken promise ends the suite.
        package var stopsEarly = false

        package init(_ suite: DiskSuite) { self.suite = suite }
    }

    let order: Order
    let directories: LabDirectories
    let workspace: DiskWorkspace
    let timeline: Timeline

    /// - Parameter tell: hears what happens.
    package static func play(
        _ order: Order, in directories: LabDirectories,
        tell: @escaping @Sendable (String) -> Void
    ) async throws -> DiskReport {
        var report = DiskReport(order.suite, seed: order.seed)
        if let obstacle = order.suite.obstacle() {
            report.outcome = .skipped
            report.reasons = [obstacle]
            return report
        }
        let run = DiskRun(
            order: order, directories: directories, workspace: try DiskWorkspace(),
            timeline: Timeline(tell))
        defer { Interrupt.shielded { run.workspace.takeDown() } }
        report.rows = try await run.rows()
        report.seconds = run.timeline.elapsed / .seconds(1)
        report.finish()
        return report
    }

    private func rows() async throws -> [DiskReport.Row] {
        switch self.order.suite {
        case .powerCut: try await self.powerCuts()
        case .snapshots: try await self.snapshots()
        case .systemCalls: try await self.systemCalls()
        case .errors: try await self.errors()
        case .full: try await self.full()
        case .damage: try await self.damage()
        case .group: try await self.group()
        }
    }

    /// How often, as far as anybody has said.
    var times: Int? {
        self.order.times
            ?? (self.order.isShort ? self.order.suite.timesInShort : self.order.suite.times)
    }

    /// A choice of cases, spread evenly, when not all are wanted.
    func chosen<Case>(_ cases: [Case]) -> [Case] {
        guard let times = self.times, times < cases.count else { return cases }
        return (0..<times).map { cases[$0 * cases.count / times] }
    }

    func isOver(_ row: DiskReport.Row) -> Bool { self.order.stopsEarly && !row.isGood }

    func broker(on disk: String) throws -> LoneBroker {
        let broker = try LoneBroker(self.workspace, self.directories, disk: disk)
        broker.environment = self.order.environment
        return broker
    }

    func faults(on disk: String) throws -> (FaultControl, library: String) {
        (
            try FaultControl(path: "\(self.workspace.path)/faults", root: disk),
            try PreloadLibrary.diskFaults.compile(in: self.directories, to: self.workspace.path)
        )
    }

    /// Clients send until `body` is done, which is given a way to stop them earlier.
    func whileSending(
        _ history: StoreHistory, with client: StoreClient, clients: Int = 6,
        _ body: () async throws -> Void
    ) async throws {
        let isOver = Flag()
        async let sending: Void = client.send(history, clients: clients) { isOver.isUp }
        do {
            try await body()
        } catch {
            isOver.raise()
            await sending
            throw error
        }
        isOver.raise()
        await sending
    }

    /// Reads the topic back and judges it.
    func judge(
        _ history: StoreHistory, of moment: ClosedRange<Tick>? = nil, with client: StoreClient,
        patience: Duration = .zero
    ) async -> (StoreFindings, problems: [String]) {
        do {
            try await client.read(history, patience: patience)
        } catch {
            return (StoreFindings(), ["cannot read \(history.topic): \(error)"])
        }
        let findings = history.findings(of: moment)
        var problems: [String] = []
        if findings.lost + findings.wrong > 0 {
            problems.append("\(findings.lost) lost, \(findings.wrong) wrong")
            problems += findings.stories
        }
        return (findings, problems)
    }
}

/// Something that is said once, to whoever asks.
final class Flag: Sendable {
    private let state = Atomic(false)

    var isUp: Bool { self.state.load(ordering: .acquiring) }
    func raise() { self.state.store(true, ordering: .releasing) }
}
