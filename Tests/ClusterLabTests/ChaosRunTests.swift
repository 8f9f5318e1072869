import Chaos
import Glibc
import MessageFormat
import RemotingProtocol
import Testing

@testable import ClusterLab

@Suite("chaos runs")
struct ChaosRunTests {
    @Test("every scenario has a name for the command line and a sentence")
    func scenarios() {
        for scenario in Scenario.allCases {
            #expect(scenario.rawValue.allSatisfy { $0.isLetter || $0.isNumber || $0 == "-" })
            #expect(scenario.summary.count > 10)
            #expect(throws: Never.self) {
                try ClusterOptions.validate(name: "chaos-\(scenario.rawValue)")
            }
        }
        #expect(Set(Scenario.allCases.map(\.rawValue)).count == 26)
    }

    @Test("what is skipped counts as good, what is inconclusive does not")
    func goodness() {
        #expect(ScenarioReport(.killMaster, .valid).isGood)
        #expect(ScenarioReport(.killMaster, .skipped).isGood)
        for outcome in [ScenarioReport.Outcome.invalid, .inconclusive, .failed] {
            #expect(!ScenarioReport(.killMaster, outcome).isGood)
        }
    }

    @Test("a verdict's figures reach the report and its table")
    func report() {
        var verdict = Verdict()
        verdict.outcome = .invalid
        verdict.acknowledged = 10
        verdict.broken = [.lost: 2]
        verdict.duplicated = [.failover: 3, .unexplained: 1]
        verdict.longestGapMilliseconds = 40
        verdict.longestGapsByGroup = ["broker-a": 900, "broker-b": 45]
        verdict.faults = [
            FaultReport(
                name: "kill-master", target: "broker-a-1", beganAtMilliseconds: 1,
                longestGapMilliseconds: 2, takenOverMilliseconds: 321, proof: "epoch")
        ]
        let report = ScenarioReport(.killMaster, verdict)
        #expect(report.outcome == .invalid)
        let skipped = ScenarioReport(.slowDisk, .skipped, reasons: ["no strace"])
        let rows = ScenarioReport.table([report, skipped]).split(separator: "\n").map {
            $0.split(separator: " ", omittingEmptySubsequences: true).joined(separator: " ")
        }
        #expect(rows[1] == "kill-master invalid 10 2 0 3 + 1 UNEXPLAINED 40 900 321")
        #expect(rows[2] == "slow-disk skipped: no strace")

        let markdown = ScenarioReport.markdown([report, skipped]).split(separator: "\n")
        #expect(markdown[0].hasPrefix("| scenario | acknowledged | lost | duplicates explained |"))
        #expect(markdown[1] == "| --- | --- | --- | --- | --- | --- | --- | --- |")
        #expect(
            markdown[2]
                == "| `kill-master` | 10 | 2 | 3, 1 UNEXPLAINED | held | 40 ms | 321 ms | invalid |"
        )
        #expect(markdown[3].hasSuffix("| – | – | skipped: no strace |"))
    }

    @Test("a report that was saved as JSON is shown again; anything else is refused")
    func savedReport() throws {
        var report = ScenarioReport(.random, .valid)
        report.reordered = 4
        report.takenOverMilliseconds = 7
        let saved = try ScenarioReport.json([report])
        #expect(try ScenarioReport.reports(parsing: saved) == [report])
        #expect(ScenarioReport.markdown([report]).contains("| 4 REORDERED | – | 7 ms | valid |"))
        #expect(throws: LabError.self) { try ScenarioReport.reports(parsing: "{}") }
        #expect(throws: LabError.self) { try ScenarioReport.reports(in: "/nowhere/report") }
    }

    @Test("an order survives the way to its process")
    func order() throws {
        var options = ClusterOptions()
        options.network = "n"
        let order = ScenarioRun.Order(.random, seed: .max, seconds: 3, options: options)
        #expect(throws: LabError.self) { try ScenarioProcess.order(parsing: "{}") }
        let text = try ScenarioProcess.text(order)
        #expect(try ScenarioProcess.order(parsing: text) == order)
    }

    @Test("takeovers and gaps, ascending; a fault without a takeover is counted")
    func takeovers() {
        var verdict = Verdict()
        verdict.faults = [300, nil, 100, 200, 900].map {
            FaultReport(
                name: "kill-master", target: "", beganAtMilliseconds: 0, longestGapMilliseconds: 0,
                longestGroupGapMilliseconds: $0 ?? 50, takenOverMilliseconds: $0, proof: "x")
        }
        let times = FailoverLoop.Times(verdict)
        #expect(times.takenOver == [100, 200, 300, 900])
        #expect(times.groupGaps == [50, 100, 200, 300, 900])
        #expect(times.faults == 5)
        #expect(FailoverLoop.Times.median(times.takenOver) == 200)
        #expect(FailoverLoop.Times.median([]) == nil)
        verdict.longestGapMilliseconds = 12
        #expect(
            FailoverReport.markdown([FailoverReport(.killMaster, verdict)]).split(separator: "\n")[
                2]
                == "| `kill-master` | 5 | 200 ms | 900 ms | 200 ms | 900 ms | 12 ms | 0 "
                + "| inconclusive |")
        verdict.faults = []
        let none = FailoverReport.markdown([FailoverReport(.killReplica, verdict)])
        #expect(none.contains("| `kill-replica` | 0 | – | – | – | – | 12 ms |"))
    }

    @Test("a cell of a table cannot end its column")
    func markdownCells() {
        let text = MarkdownTable.text(head: ["a", "b"], rows: [["x|y", ""]])
        #expect(text == "| a | b |\n| --- | --- |\n| x\\|y |  |")
    }

    @Test("a cluster is whole when every broker that should be there is in step")
    func flaws() {
        var options = ClusterOptions()
        options.controllers = 1
        options.groups = 1
        options.replicas = 2
        let plan = ClusterPlan(options: options, dataDirectory: "/")
        var view = ClusterView()
        #expect(plan.flaws(of: view) == ["the controllers have no leader"])
        view.leader = plan.controllers[0].address
        #expect(plan.flaws(of: view) == ["broker-a has no master"])
        let states = plan.brokers.enumerated().map {
            ReplicaState(
                brokerName: "broker-a", brokerID: Int64($0.offset + 1),
                brokerAddress: $0.element.address, isAlive: true)
        }
        view.groups["broker-a"] = GroupReplicas(
            masterBrokerID: 1, masterAddress: plan.brokers[0].address, masterEpoch: Epoch(1),
            syncStateSetEpoch: 1, inSync: [states[0]], notInSync: [states[1]])
        #expect(plan.flaws(of: view) == ["broker-a-2 is not in step with broker-a"])
        #expect(plan.flaws(of: view, without: [plan.brokers[1].address]) == [])
        #expect(view.isMaster(plan.brokers[0]))
        view.groups["broker-a"]?.inSync = states
        #expect(plan.flaws(of: view) == [])
    }
}

@Suite("networks and ports")
struct NetworkTests {
    @Test("the kernel's table says who listens")
    func table() {
        let table = """
              sl  local_address rem_address   st tx_queue rx_queue tr tm->when
               0: 0100007F:2694 00000000:0000 0A 00000000:00000000 00:00000000
               1: 0100007F:1F90 0100007F:C001 01 00000000:00000000 00:00000000
            """
        #expect(LoopbackPort.listens(0x2694, table: table))
        #expect(!LoopbackPort.listens(0x1F90, table: table))
        #expect(!LoopbackPort.listens(0x94, table: table))
        #expect(!LoopbackPort.listens(1, table: ""))
    }

    @Test("the counter of dropped packets is read from the rules")
    func counter() {
        let rules = """
            table bridge chaos { chain pass {
              iifname . oifname @cut counter packets 17 bytes 1428 drop
            } }
            """
        #expect(LabNetwork.packets(in: rules) == 17)
        #expect(LabNetwork.packets(in: "") == 0)
    }

    /// Method: a listener in one place, a connection attempt from another, by the shell.
    @Test("a cut drops packets and is healed", .enabled(if: LabNetwork.obstacle() == nil))
    func cut() throws {
        let network = LabNetwork(id: "test\(getpid())")
        defer { try? network.delete() }
        try network.make(nodes: ["one", "two"])
        #expect(try self.reaches("two", from: "one", network))
        try network.cut(from: LabNetwork.address(1), to: LabNetwork.address(0))
        #expect(try !self.reaches("two", from: "one", network))
        #expect(try network.dropped() > 0)
        try network.heal()
        #expect(try self.reaches("two", from: "one", network))
        try network.delete()
        #expect(access(network.file(of: "one"), F_OK) != 0)
    }

    /// Whether a connection is answered, if only by a refusal: nobody listens there.
    private func reaches(_ target: String, from source: String, _ network: LabNetwork) throws
        -> Bool
    {
        // A cable needs a moment until the switch forwards for it.
        try wait(atMost: .seconds(3), every: .milliseconds(50)) {
            let text = try? Command.run(
                "nsenter", "--net=\(network.file(of: source))", "timeout", "1", "bash", "-c",
                "echo > /dev/tcp/\(LabNetwork.address(1))/9 ; true")
            return text?.contains("refused") == true
        }
    }
}
