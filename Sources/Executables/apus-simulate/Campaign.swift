import Simulation

/// Many seeds, and what they found.
struct Campaign {
    private(set) var failures: [SimulationResult] = []
    private var runs = 0
    private var probes = Probes()
    private var events: UInt64 = 0
    private var virtualNanoseconds: Int64 = 0
    private var acknowledged = 0
    private var seen = 0
    private var elapsed = Duration.zero

    mutating func run(
        seeds: Range<UInt64>, settings: SimulationRun.Settings, jobs: Int, failuresMax: Int
    ) async {
        let began = ContinuousClock.now
        await withTaskGroup(of: SimulationResult.self) { group in
            var rest = seeds.makeIterator()
            for _ in 0..<jobs { Self.add(rest.next(), settings, to: &group) }
            while let result = await group.next() {
                self.take(result)
                if self.failures.count < failuresMax { Self.add(rest.next(), settings, to: &group) }
                self.tellProgress(of: seeds.count, since: began)
            }
        }
        self.elapsed = ContinuousClock.now - began
    }

    private static func add(
        _ seed: UInt64?, _ settings: SimulationRun.Settings,
        to group: inout TaskGroup<SimulationResult>
    ) {
        guard let seed else { return }
        group.addTask { SimulationRun(seed: seed, settings: settings).run() }
    }

    private mutating func take(_ result: SimulationResult) {
        self.runs += 1
        self.events += result.events
        self.virtualNanoseconds += result.virtualTime
        self.acknowledged += result.acknowledged
        self.seen += result.seen
        self.probes.add(result.probes)
        guard result.violation != nil else { return }
        self.failures.append(result)
        print(result.summary)
        print("  again: apus-simulate --seed \(result.seed) --trace")
    }

    private func tellProgress(of count: Int, since began: ContinuousClock.Instant) {
        guard self.runs.isMultiple(of: 500) else { return }
        let rate = Self.perSecond(self.runs, ContinuousClock.now - began)
        print("\(self.runs) of \(count) seeds, \(rate) a second")
    }

    var report: String {
        let verdict =
            self.failures.isEmpty
            ? "every invariant held in every run"
            : "\(self.failures.count) runs broke an invariant"
        return """
            \(self.runs) seeds in \(Self.seconds(self.elapsed)) s: \
            \(Self.perSecond(self.runs, self.elapsed)) a second, \(self.events) events, \
            \(self.virtualNanoseconds / 1_000_000_000) s of virtual time
            \(self.acknowledged) messages acknowledged, \(self.seen) seen by consumers
            \(Self.table(of: self.probes))
            \(verdict)
            """
    }

    static func table(of probes: Probes) -> String {
        probes.counts.sorted { $0.key < $1.key }
            .map { "  \($0.value)\t\($0.key)" }.joined(separator: "\n")
    }

    private static func seconds(_ duration: Duration) -> Double {
        let (seconds, attoseconds) = duration.components
        return Double(seconds) + Double(attoseconds / 1_000_000_000_000_000) / 1_000
    }

    private static func perSecond(_ count: Int, _ duration: Duration) -> String {
        let tenths = Int(Double(count) / max(0.001, self.seconds(duration)) * 10)
        return "\(tenths / 10).\(tenths % 10)"
    }
}
