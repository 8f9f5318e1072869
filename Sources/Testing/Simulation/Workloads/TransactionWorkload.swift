import BrokerEngine
import ClientEngine
import DeliveryCore
import MessageFormat

/// Where a half message lies.
struct HalfPlace: Hashable {
    let group: Int
    let position: PhysicalOffset
}

/// Producers of transactions: some end them, some leave them open and are asked, some die between,
/// and some never know.
final class TransactionWorkload: WorkloadNode {
    static let topic = "deals"
    static let group = "TX"
    static let checksMax = 6

    private struct Transaction {
        let verdict: TransactionVerdict
        var half: HalfPlace?
        /// Of the master that stored the half message.
        var epoch = Epoch(0)
        var questions = 0
        var isCommitted = false
        var isGivenUp = false
    }

    private static let transactionsMax: UInt64 = 30

    private(set) var clients: [WorkloadClient] = []
    private var producers: [TransactionProducer] = []
    private let outside: Outside
    private var transactions: [UInt64: Transaction] = [:]
    private var values: [HalfPlace: UInt64] = [:]
    private var lastValue: UInt64 = 0
    private(set) var isFinishing = false

    init(_ outside: Outside) {
        self.outside = outside
        self.clients = [
            WorkloadClient("transaction-producer-1", number: 7, outside),
            WorkloadClient("transaction-producer-2", number: 8, outside),
        ]
        self.producers = self.clients.enumerated().map { number, client in
            TransactionProducer(number: number, client, of: self)
        }
    }

    private var world: World { self.outside.world }

    func finish() { self.isFinishing = true }

    // MARK: What producers ask

    /// How it will end is decided before anybody knows of it.
    func newTransaction() -> UInt64? {
        guard !self.isFinishing, self.lastValue < Self.transactionsMax else { return nil }
        self.lastValue += 1
        let verdict: TransactionVerdict =
            switch self.world.random.below(10) {
            case ..<6: .commit
            case ..<9: .rollback
            default: .unknown
            }
        self.transactions[self.lastValue] = Transaction(verdict: verdict)
        return self.lastValue
    }

    func verdict(of value: UInt64) -> TransactionVerdict {
        self.transactions[value]?.verdict ?? .unknown
    }

    /// A broker has confirmed that it knows the outcome.
    func endConfirmed(_ value: UInt64) {
        guard let known = self.transactions[value], known.verdict == .commit else { return }
        guard known.isCommitted || known.isGivenUp else {
            return self.world.violated(
                .transactionEndsOnce, "the commit of \(value) is confirmed, and nowhere to be seen")
        }
    }

    // MARK: The end

    let promise = Invariant.transactionEndsOnce

    var unfinished: [String] {
        let rotten = self.outside.workloads?.rottenGroups() ?? []
        let open = self.transactions.keys.sorted().compactMap { value -> String? in
            guard let known = self.transactions[value], let half = known.half,
                !rotten.contains(half.group), known.verdict != .rollback, !known.isCommitted,
                !known.isGivenUp
            else { return nil }
            return "\(value), asked about \(known.questions) times"
        }
        return open + self.openAtMasters(but: rotten)
    }

    /// A rollback leaves no message behind.
    private func openAtMasters(but rotten: Set<Int>) -> [String] {
        self.outside.checks.brokers.compactMap { host in
            guard host.isMaster, !rotten.contains(host.group),
                let count = host.process?.engine?.delivery.transactions.table.count, count > 0
            else { return nil }
            return "\(count) open at \(host.name)"
        }
    }
}

// MARK: - What lies in the log

extension TransactionWorkload {
    func confirmed(_ message: ConfirmedMessage) {
        switch message.topic {
        case SystemTopic.half: self.prepared(message)
        case Self.topic: self.committed(message)
        case SystemTopic.transactionGivenUp: self.givenUp(message)
        default: break
        }
    }

    private func prepared(_ message: ConfirmedMessage) {
        let half = HalfPlace(group: message.group, position: message.position)
        guard let known = self.transactions[message.value] else {
            return self.world.violated(.nothingIsMadeUp, "\(message.value) was never sent")
        }
        guard known.half == nil else {
            return self.world.violated(
                .transactionEndsOnce, "\(message.value) is there as two half messages")
        }
        self.values[half] = message.value
        self.transactions[message.value]?.half = half
        self.transactions[message.value]?.epoch = message.epoch
    }

    private func committed(_ message: ConfirmedMessage) {
        let half = HalfPlace(group: message.group, position: message.preparedAt)
        guard let known = self.transactions[message.value],
            self.values[half] == message.value
        else {
            return self.world.violated(
                .halfIsInvisible, "\(message.value) is visible, and was no half message")
        }
        guard known.verdict == .commit else {
            return self.world.violated(
                .halfIsInvisible, "\(message.value) is visible, its verdict is \(known.verdict)")
        }
        guard !known.isCommitted, !known.isGivenUp else {
            return self.world.violated(.transactionEndsOnce, "\(message.value) ended twice")
        }
        self.transactions[message.value]?.isCommitted = true
        self.world.probes.hit("transaction committed")
        if known.epoch < message.epoch {
            self.world.probes.hit("transaction ended by another master than began it")
        }
    }

    private func givenUp(_ message: ConfirmedMessage) {
        guard let known = self.transactions[message.value], !known.isCommitted, !known.isGivenUp
        else {
            return self.world.violated(.transactionEndsOnce, "\(message.value) ended twice")
        }
        guard known.questions >= Self.checksMax else {
            return self.world.violated(
                .transactionEndsOnce,
                "\(message.value) was given up after \(known.questions) questions")
        }
        self.transactions[message.value]?.isGivenUp = true
        self.world.probes.hit(
            known.verdict == .unknown
                ? "undecided transaction given up"
                : "transaction given up that nobody could ask about")
    }

    func asked(about half: HalfPlace) {
        guard let value = self.values[half], let known = self.transactions[value] else {
            return self.world.violated(
                .halfIsInvisible, "a question about \(half.position.bytes), which is not confirmed")
        }
        self.transactions[value]?.questions += 1
        self.world.probes.hit("check-back")
        let view = self.outside.checks.controllers.newestView(
            of: self.outside.plan.brokerName(half.group))
        guard let view, known.epoch < view.masterEpoch else { return }
        self.world.probes.hit("check-back after a failover")
    }
}
