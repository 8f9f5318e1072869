import MessageFormat
import RemotingProtocol
import Testing

@testable import apus

@Suite("what apus check says")
struct CheckTests {
    private func picture(
        inSync: [ReplicaState], others: [ReplicaState] = [], disk: String? = "0.43"
    ) -> ClusterPicture {
        let info = ClusterInfo(
            brokers: [
                "a": BrokerData(cluster: "C", brokerName: "a", addresses: [0: "h1:1"])
            ], clusters: ["C": ["a"]])
        var broker = BrokerInfo(cluster: "C", name: "a", id: 0, address: "h1:1")
        broker.role = "SYNC_MASTER"
        if let disk { broker.runtime["commitLogDiskRatio"] = disk }
        return ClusterPicture(
            nameServers: [.init(address: "ns:1", info: info)], brokers: [broker],
            controllers: [
                ControllerState(id: "n0", address: "n0:9878", role: "leader", term: "4")
            ],
            groups: SyncStateData(groups: ["a": group(inSync: inSync, others: others)]))
    }

    private var healthy: [ReplicaState] { [replica(1, role: "master"), replica(2, end: 90)] }

    @Test("all well is one line with figures, and 0")
    func well() {
        let verdict = self.picture(inSync: self.healthy).verdict(CheckLimits(), lags: [])
        #expect(
            verdict.line
                == "APUS OK - 2 brokers, 1 controllers, 1 name servers, disks at most 43 % full | "
                + "name_servers=1;;;0;1 controllers=1;;;0;1 brokers=2;;;0;2 in_sync=2;;;0;2 "
                + "disk_used=43%;80;90;0;100 replica_lag=10B;;;0")
        #expect(verdict.state.rawValue == 0)
    }

    @Test("a dead replica warns, a group that takes nothing is critical, and comes first")
    func brokers() {
        let dead = self.picture(inSync: self.healthy, others: [replica(3, isAlive: false)])
        #expect(dead.verdict(CheckLimits(), lags: []).state == .warning)

        let masterless = self.picture(
            inSync: [replica(1, isAlive: false), replica(2)], others: [replica(3, isAlive: false)])
        let verdict = masterless.verdict(CheckLimits(), lags: [])
        #expect(verdict.state == .critical)
        #expect(
            verdict.line.hasPrefix("APUS CRITICAL - broker group a: it has no living master"),
            "\(verdict.line)")
    }

    @Test(
        "thresholds count from the very value",
        arguments: [
            ("0.79", CheckState.ok), ("0.80", .warning), ("0.89", .warning), ("0.9", .critical),
            ("1.0", .critical), ("nonsense", .ok),
        ])
    func disk(ratio: String, state: CheckState) {
        let picture = self.picture(inSync: self.healthy, disk: ratio)
        #expect(picture.verdict(CheckLimits(), lags: []).state == state)
    }

    @Test("lags are judged by group, and replicas by bytes")
    func lags() {
        var limits = CheckLimits()
        limits.lag = CheckThreshold(warning: 100, critical: 1_000)
        limits.replicaLag = CheckThreshold(warning: 5, critical: nil)
        let verdict = self.picture(inSync: self.healthy).verdict(
            limits, lags: [("quick", 3), ("slow", 1_000), ("odd|name\n", 100)])
        #expect(
            verdict.line.hasPrefix(
                "APUS CRITICAL - group slow is 1000 messages behind; broker a 2 is 10 bytes behind "
                    + "its master; group odd/name  is 100 messages behind | "))
        #expect(verdict.line.hasSuffix(" replica_lag=10B;5;;0 lag=1000;100;1000;0"))
        #expect(!verdict.line.contains("\n"))
    }

    @Test("many problems stay one line that can be read")
    func many() {
        let problems = (1...9).map { (state: CheckState.warning, text: "p\($0)") }
        let verdict = CheckVerdict(problems: problems)
        #expect(verdict.line == "APUS WARNING - p1; p2; p3; p4; p5; and 4 more")
    }

    @Test("critical is worse than unknown, unknown worse than a warning")
    func order() {
        #expect(CheckState.worst([]) == .ok)
        #expect(CheckState.worst([.warning, .unknown, .ok]) == .unknown)
        #expect(CheckState.worst([.unknown, .critical, .warning]) == .critical)
        #expect(CheckState.allCases.map(\.rawValue) == [0, 1, 2, 3])
    }
}
