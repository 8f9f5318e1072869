package import MessageFormat

/// The queues that one broker group has of a topic.
package struct QueueShare: Hashable, Sendable {
    package var readQueues: Int32
    package var writeQueues: Int32
    package var permission: TopicPermission
    package var systemFlag: Int32

    package init(
        readQueues: Int32, writeQueues: Int32, permission: TopicPermission, systemFlag: Int32 = 0
    ) {
        self.readQueues = readQueues
        self.writeQueues = writeQueues
        self.permission = permission
        self.systemFlag = systemFlag
    }

    package init(_ config: TopicConfig) {
        self.init(
            readQueues: config.readQueues, writeQueues: config.writeQueues,
            permission: config.permission, systemFlag: config.systemFlag)
    }
}

/// Which broker groups have which topic, and how many queues of it.
///
/// Invariant: every topic has at least one share.
package struct TopicTable: Hashable, Sendable {
    private var topics: [String: [String: QueueShare]] = [:]
    /// One for each topic on each broker group.
    private(set) package var shareCount = 0

    package init() {}

    package var count: Int { self.topics.count }
    package var names: [String] { self.topics.keys.sorted() }
    package var brokerNames: Set<String> { Set(self.topics.values.lazy.flatMap(\.keys)) }

    /// A topic's shares, by broker name.
    package func shares(of topic: String) -> [String: QueueShare]? { self.topics[topic] }

    package func share(of topic: String, on broker: String) -> QueueShare? {
        self.topics[topic]?[broker]
    }

    /// The topics that at least one of these broker groups has.
    package func names(onAnyOf brokers: Set<String>) -> [String] {
        self.topics.filter { !brokers.isDisjoint(with: $0.value.keys) }.keys.sorted()
    }

    /// The topics that fit a test of the system flags of all their shares, joined.
    package func names(whereFlag isWanted: (_ flag: Int32) -> Bool) -> [String] {
        self.topics.filter { isWanted($0.value.values.reduce(0) { $0 | $1.systemFlag }) }
            .keys.sorted()
    }

    package mutating func set(_ share: QueueShare, of topic: String, on broker: String) {
        let replaced = self.topics[topic, default: [:]].updateValue(share, forKey: broker)
        if replaced == nil { self.shareCount += 1 }
    }

    /// Changes every share of one broker group. Returns how many topics it has.
    @discardableResult
    package mutating func change(on broker: String, _ change: (inout QueueShare) -> Void) -> Int {
        var changed = 0
        for topic in self.topics.filter({ $0.value[broker] != nil }).keys {
            guard var share = self.topics[topic]?[broker] else { continue }
            change(&share)
            self.topics[topic]?[broker] = share
            changed += 1
        }
        return changed
    }

    /// A broker group is gone.
    package mutating func removeAll(of broker: String) {
        for topic in self.topics.filter({ $0.value[broker] != nil }).keys {
            self.remove(topic, on: broker)
        }
    }

    package mutating func remove(_ topic: String, on broker: String) {
        guard self.topics[topic]?.removeValue(forKey: broker) != nil else { return }
        self.shareCount -= 1
        if self.topics[topic]?.isEmpty == true { self.topics[topic] = nil }
    }

    func checkInvariants() -> [String] {
        var problems: [String] = []
        if self.topics.values.contains(where: \.isEmpty) {
            problems.append("a topic has no share")
        }
        if self.topics.values.reduce(0, { $0 + $1.count }) != self.shareCount {
            problems.append("the count of shares is \(self.shareCount), which is wrong")
        }
        return problems
    }
}
