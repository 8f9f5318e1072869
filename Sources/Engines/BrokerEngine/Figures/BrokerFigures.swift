import DeliveryCore
package import LogCore
package import MessageFormat
import RemotingProtocol
import ReplicationCore

/// What an engine tells of itself at one moment, for `/metrics`. Only values that are there already:
/// asking takes time in proportion to topics and groups, both bounded, not to queues or messages.
package struct BrokerFigures: Sendable {
    package struct TopicTraffic: Hashable, Sendable {
        package var topic: String
        /// `message.type` of the topic, in small letters.
        package var messageType: String
        package var isSystem: Bool
        package var count: TrafficCount
    }

    package struct ReaderTraffic: Hashable, Sendable {
        package var group: String
        package var topic: String
        package var isRetry: Bool
        package var isSystem: Bool
        package var count: TrafficCount
    }

    package struct Replica: Hashable, Sendable {
        package var brokerID: Int64
        package var lagBytes: Int
        package var isInStep: Bool
    }

    /// Clients of one kind that are connected.
    package struct ClientKind: Hashable, Sendable {
        /// Of consumers only.
        package var group = ""
        package var mode = ""
        package var language: String
        package var version: Int32
    }

    package var role: BrokerRole
    package var masterEpoch: Epoch
    package var minInSync: Int
    /// Of a master: the SyncStateSet, itself included, and who follows.
    package var inSync: Int?
    package var replicas: [Replica]
    package var isFollowing: Bool

    package var progress: FlushProgress
    package var logStart: PhysicalOffset
    package var logEnd: PhysicalOffset
    /// Everything that was stored since then is there.
    package var keptSince: Timestamp?
    package var now: Now

    package var counters: BrokerCounters
    package var incoming: [TopicTraffic]
    package var outgoing: [ReaderTraffic]
    package var producers: [ClientKind: Int]
    package var consumers: [ClientKind: Int]

    package var topicCount: Int
    package var groupCount: Int
    package var queueCount: Int
    package var waitingSends: Int
    package var heldPulls: Int
    package var heldPops: Int
    package var poppedMessages: Int
    package var openTransactions: Int
    package var delayedMessages: Int64
    /// When the next of them is due; before now: it is late. Nil: nothing waits, or the broker is
    /// looking for the earliest ones.
    package var nextDelayedDue: Timestamp?
}

extension BrokerEngine {
    package var figures: BrokerFigures {
        let replication = self.master?.replication
        return BrokerFigures(
            role: self.role, masterEpoch: self.groupReport.masterEpoch,
            minInSync: self.group?.settings.minInSyncReplicas ?? 1,
            inSync: replication?.inStep(at: self.now.tick).count, replicas: self.replicaFigures,
            isFollowing: self.follower?.stage == .following, progress: self.progress,
            logStart: self.segments.oldest?.base ?? .zero, logEnd: self.log.end,
            keptSince: self.segments.oldest?.youngest, now: self.now, counters: self.counters,
            incoming: self.incomingFigures, outgoing: self.outgoingFigures,
            producers: self.producerFigures, consumers: self.consumerFigures,
            topicCount: self.delivery.topics.count, groupCount: self.delivery.groups.count,
            queueCount: self.queues.count, waitingSends: self.answers.count,
            heldPulls: self.holds.count, heldPops: self.polls.count,
            poppedMessages: self.delivery.pops.inFlight,
            openTransactions: self.delivery.transactions.table.count,
            delayedMessages: self.delivery.delays.pendingCount,
            nextDelayedDue: self.delivery.delays.nextDue)
    }

    private var replicaFigures: [BrokerFigures.Replica] {
        guard let master = self.master else { return [] }
        let inStep = Set(master.replication.inStep(at: self.now.tick))
        let following = Set(master.feeds.values.map(\.brokerID))
        return following.union(master.replication.set.members).subtracting([
            master.replication.brokerID
        ]).sorted().map { id in
            let kept = master.replication.kept(by: id) ?? .zero
            return .init(
                brokerID: id, lagBytes: max(0, self.progress.submitted.distance(from: kept)),
                isInStep: inStep.contains(id))
        }
    }

    private var incomingFigures: [BrokerFigures.TopicTraffic] {
        self.counters.incoming.topics.map { topic, count in
            let type = self.delivery.topics.config(topic)?.attributes["message.type"]
            return .init(
                topic: topic, messageType: type?.lowercased() ?? "normal",
                isSystem: SystemTopic.isSystem(topic), count: count)
        }
    }

    private var outgoingFigures: [BrokerFigures.ReaderTraffic] {
        self.counters.outgoing.readers.map { reader, count in
            .init(
                group: reader.group, topic: reader.topic,
                isRetry: reader.topic.hasPrefix(ResourceName.retryPrefix),
                isSystem: SystemTopic.isSystem(reader.topic), count: count)
        }
    }

    private var producerFigures: [BrokerFigures.ClientKind: Int] {
        var kinds: [BrokerFigures.ClientKind: Int] = [:]
        for member in self.producers.names.flatMap({ self.producers.members(of: $0) }) {
            kinds[.init(member), default: 0] += 1
        }
        return kinds
    }

    private var consumerFigures: [BrokerFigures.ClientKind: Int] {
        var kinds: [BrokerFigures.ClientKind: Int] = [:]
        for group in self.consumers.names.prefix(ConsumerLag.pairsMax).compactMap({
            self.consumers.group($0)
        }) {
            for member in group.members.sorted {
                var kind = BrokerFigures.ClientKind(member)
                kind.group = group.name
                kind.mode = group.type.rawValue.lowercased()
                kinds[kind, default: 0] += 1
            }
        }
        return kinds
    }
}

extension BrokerFigures.ClientKind {
    fileprivate init(_ member: GroupMember) {
        self.init(
            language: LanguageCode(rawValue: member.language).name.lowercased(),
            version: member.version)
    }
}
