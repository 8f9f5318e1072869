import MessageFormat

/// Ways of sending and consuming that a run exercises beside plain messages.
package enum Workload: String, Hashable, Sendable, CaseIterable {
    case pops
    case retries
    case delays
    case transactions
    case offsets

    /// A seed exercises none, one or two of them: all of them in every run would make runs slow.
    ///
    /// Not from the world's chance, so that a run with given workloads stays what it is.
    package static func drawn(for seed: UInt64) -> [Workload] {
        var random = SeededGenerator(seed: seed ^ 0x776F_726B)
        let count = [0, 0, 1, 1, 1, 1, 1, 1, 2, 2][random.below(10)]
        return Array(random.shuffled(Self.allCases).prefix(count))
    }

    /// The topic that belongs to it. Offsets are those of the plain messages' topic.
    var topic: String? {
        switch self {
        case .pops: PopWorkload.topic
        case .retries: RetryWorkload.topic
        case .delays: DelayWorkload.topic
        case .transactions: TransactionWorkload.topic
        case .offsets: nil
        }
    }
}

/// The clients of one workload, and what must hold of what they do.
protocol WorkloadNode: AnyObject {
    var clients: [WorkloadClient] { get }

    /// A group has confirmed a message: from now on it is there for ever.
    func confirmed(_ message: ConfirmedMessage)

    /// Faults are over: nothing new is begun, and what is under way is brought to its end.
    func finish()

    /// What has not come to its end, for people.
    var unfinished: [String] { get }

    /// What is broken when it never comes to its end.
    var promise: Invariant { get }

    /// A broker asks a producer about a half message.
    func asked(about half: HalfPlace)

    /// Where the newest delayed message waited that has appeared; nil: none has.
    func lastFired(in group: Int) -> PhysicalOffset?
}

extension WorkloadNode {
    func confirmed(_ message: ConfirmedMessage) {}
    func asked(about half: HalfPlace) {}
    func lastFired(in group: Int) -> PhysicalOffset? { nil }
}
