/// A consumer group that is online: its members and what they subscribed to.
package struct ConsumerGroup: Sendable {
    /// Raw values are the wire's names.
    package enum ConsumeType: String, Hashable, Sendable {
        case actively = "CONSUME_ACTIVELY"
        case passively = "CONSUME_PASSIVELY"
        case pop = "CONSUME_POP"
    }

    /// Raw values are the wire's names.
    package enum MessageModel: String, Hashable, Sendable {
        case broadcasting = "BROADCASTING"
        case clustering = "CLUSTERING"
    }

    /// Raw values are the wire's names.
    package enum ConsumeFrom: String, Hashable, Sendable {
        case lastOffset = "CONSUME_FROM_LAST_OFFSET"
        case firstOffset = "CONSUME_FROM_FIRST_OFFSET"
        case timestamp = "CONSUME_FROM_TIMESTAMP"
    }

    package let name: String
    package internal(set) var type: ConsumeType
    package internal(set) var model: MessageModel
    package internal(set) var from: ConsumeFrom
    package internal(set) var members = GroupMembers()
    /// By topic.
    package internal(set) var subscriptions: [String: Subscription] = [:]
    package internal(set) var notifyEnabled: Bool

    init(
        name: String, type: ConsumeType, model: MessageModel, from: ConsumeFrom,
        notifyEnabled: Bool
    ) {
        self.name = name
        self.type = type
        self.model = model
        self.from = from
        self.notifyEnabled = notifyEnabled
    }

    /// About how much memory it takes.
    var bytes: Int {
        self.subscriptions.values.reduce(512 + self.members.bytes) { $0 + $1.bytes }
    }

    /// How much more it would take with this member and what that reports; at most.
    func growth(by member: GroupMember, _ reported: [Subscription]?) -> Int {
        let own = member.bytes - (self.members[member.connection]?.bytes ?? 0)
        return (reported ?? []).reduce(own) { growth, subscription in
            let known = self.subscriptions[subscription.topic]
            if let known, known.version >= subscription.version { return growth }
            return growth + subscription.bytes - (known?.bytes ?? 0)
        }
    }

    /// Members of a broadcasting group share nothing, so nobody needs to hear of the others.
    var wantsNotification: Bool {
        self.notifyEnabled && self.model != .broadcasting && !self.members.isEmpty
    }

    /// Brings the subscriptions up to what a member reported. Returns whether any message is
    /// selected differently now; a newer version of the same selection is no such change.
    mutating func subscribe(_ reported: [Subscription], atMost limit: Int) -> Bool {
        var changed = false
        for subscription in reported {
            let known = self.subscriptions[subscription.topic]
            if let known, known.version >= subscription.version { continue }
            if known == nil, self.subscriptions.count >= limit { continue }
            self.subscriptions[subscription.topic] = subscription
            changed = changed || known.map { !$0.selectsSame(as: subscription) } ?? true
        }
        if self.type == .pop { return changed }
        let topics = Set(reported.map(\.topic))
        let before = self.subscriptions.count
        self.subscriptions = self.subscriptions.filter { topics.contains($0.key) }
        return changed || self.subscriptions.count != before
    }
}
