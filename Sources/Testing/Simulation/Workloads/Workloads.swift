import BrokerEngine
import MessageFormat
import RemotingProtocol

/// The workloads of one run.
final class Workloads {
    private let nodes: [any WorkloadNode]
    let topics: [String]
    private let world: World
    /// Groups in which a disk has changed bytes: what was on it may be lost, and is told so.
    var rottenGroups: () -> Set<Int> = { [] }
    /// What lies in the workloads' queues.
    private var confirmed: [MessageQueue: [Int64: UInt64]] = [:]
    private let plan: ClusterPlan
    /// Since when nothing disturbs the cluster any more.
    private(set) var calmSince: Int64?

    init(_ kinds: [Workload], outside: Outside) {
        self.world = outside.world
        self.plan = outside.plan
        self.topics = kinds.compactMap(\.topic)
        self.nodes = kinds.map { kind in
            switch kind {
            case .pops: PopWorkload(outside)
            case .retries: RetryWorkload(outside)
            case .delays: DelayWorkload(outside)
            case .transactions: TransactionWorkload(outside)
            case .offsets: OffsetWorkload(outside)
            }
        }
        for kind in kinds { self.world.probes.hit("workload: \(kind.rawValue)") }
    }

    var isEmpty: Bool { self.nodes.isEmpty }

    var machines: [Machine] { self.nodes.flatMap(\.clients).map(\.machine) }

    func start(_ machine: Machine) {
        self.nodes.flatMap(\.clients).first { $0.machine === machine }?.start()
    }

    func confirmed(_ message: ConfirmedMessage) {
        if self.topics.contains(message.topic) {
            let queue = MessageQueue(
                topic: message.topic, brokerName: self.plan.brokerName(message.group),
                queueID: message.queueID)
            self.confirmed[queue, default: [:]][message.queueOffset.value] = message.value
        }
        for node in self.nodes { node.confirmed(message) }
    }

    func asked(_ question: RemotingCommand, by process: BrokerProcess) {
        guard RequestCode(rawValue: question.code) == .checkTransactionState,
            let position = question["commitLogOffset"].flatMap(Int64.init)
        else { return }
        let half = HalfPlace(group: process.host.group, position: PhysicalOffset(position))
        for node in self.nodes { node.asked(about: half) }
    }

    func lastFired(in group: Int) -> PhysicalOffset? {
        self.nodes.lazy.compactMap { $0.lastFired(in: group) }.first
    }

    /// From now on everything has its time.
    func calm() { self.calmSince = self.calmSince ?? self.world.time }

    func finish() {
        for node in self.nodes { node.finish() }
    }

    var isDone: Bool { self.nodes.allSatisfy(\.unfinished.isEmpty) }

    /// The final reading got a message of a workload: it is what was confirmed.
    func read(_ value: UInt64, of queue: MessageQueue, at offset: QueueOffset) {
        let known = self.confirmed[queue]?.removeValue(forKey: offset.value)
        guard known != value else { return }
        self.world.violated(
            .seenMeansKept,
            "\(value) was read from \(queue) at \(offset.value), where "
                + (known.map(String.init) ?? "nothing") + " was confirmed")
    }

    /// A queue was read to its end: nothing is left that nobody saw.
    func readToEnd(_ queue: MessageQueue) {
        guard let missed = self.confirmed[queue]?.sorted(by: { $0.key < $1.key }).first else {
            return
        }
        self.world.violated(
            .nothingAckedIsLost,
            "\(missed.value) was confirmed in \(queue) at \(missed.key), and cannot be read")
    }

    /// Nobody disturbed it any more, and yet something never came to its end.
    func checkDone() {
        for node in self.nodes {
            let open = node.unfinished
            guard !open.isEmpty else { continue }
            self.world.violated(
                node.promise, "\(open.count) never ended: \(open.prefix(5).joined(separator: "; "))"
            )
        }
    }
}
