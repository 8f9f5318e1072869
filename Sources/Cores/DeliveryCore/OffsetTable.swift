package import MessageFormat

/// How far a group has consumed one queue.
package struct OffsetRecord: Hashable, Comparable, Sendable {
    package var group: String
    package var topic: String
    package var queueID: Int32
    package var offset: QueueOffset

    package init(group: String, topic: String, queueID: Int32, offset: QueueOffset) {
        self.group = group
        self.topic = topic
        self.queueID = queueID
        self.offset = offset
    }

    package static func < (left: Self, right: Self) -> Bool {
        (left.group, left.topic, left.queueID, left.offset)
            < (right.group, right.topic, right.queueID, right.offset)
    }
}

/// What became of a commit.
package enum CommitOutcome: Hashable, Sendable {
    case changed
    /// The group was there already.
    case unchanged
    case refused(CommitRefusal)
}

/// Why an offset is not kept.
package enum CommitRefusal: Error, Hashable, Sendable {
    case negative(offset: Int64, queueID: Int32)
    case illegalName
    case tableFull(offsetsMax: Int)
}

/// How far the groups have consumed.
///
/// A commit overwrites, also backwards: seeking is the client's right. What changed is gathered
/// until the engine takes it for the log, so that a queue which moves a thousand times between
/// two records costs one entry.
package struct OffsetTable: Sendable {
    struct Pair: Hashable {
        var group: String
        var topic: String
    }

    struct Progress {
        var offsets: [Int32: QueueOffset] = [:]
        var dirty: Set<Int32> = []
        /// Queues on which the group's consumers have to follow an operator.
        var resets: [Int32: PendingReset] = [:]
    }

    let offsetsMax: Int
    var table: [Pair: Progress] = [:]
    private var dirtyPairs: Set<Pair> = []
    private var topicsOfGroup: [String: Set<String>] = [:]
    private var groupsOfTopic: [String: Set<String>] = [:]

    /// How many queues of groups have an offset.
    package private(set) var count = 0
    /// On how many of them its consumers have to follow an operator.
    package internal(set) var resetCount = 0

    package init(offsetsMax: Int = DeliverySettings().offsetsMax) { self.offsetsMax = offsetsMax }

    /// A group says that it has consumed everything before `offset`.
    @discardableResult
    package mutating func commit(
        group: String, topic: String, queueID: Int32, offset: QueueOffset
    ) -> CommitOutcome {
        guard offset.value >= 0, queueID >= 0 else {
            return .refused(.negative(offset: offset.value, queueID: queueID))
        }
        let pair = Pair(group: group, topic: topic)
        if self.table[pair]?.offsets[queueID] == nil {
            if let refusal = self.refusal(of: pair) { return .refused(refusal) }
        }
        guard self.set(offset, queueID, of: pair) else { return .unchanged }
        self.table[pair]?.dirty.insert(queueID)
        self.dirtyPairs.insert(pair)
        return .changed
    }

    package func offset(group: String, topic: String, queueID: Int32) -> QueueOffset? {
        self.table[Pair(group: group, topic: topic)]?.offsets[queueID]
    }

    /// Forgets a group. Returns whether there was anything.
    @discardableResult
    package mutating func remove(group: String) -> Bool {
        let topics = self.topicsOfGroup[group, default: []]
        for topic in topics { self.remove(group: group, topic: topic) }
        return !topics.isEmpty
    }

    /// Forgets a topic. Returns whether there was anything.
    @discardableResult
    package mutating func remove(topic: String) -> Bool {
        let groups = self.groupsOfTopic[topic, default: []]
        for group in groups { self.remove(group: group, topic: topic) }
        return !groups.isEmpty
    }

    /// Forgets a group's progress in one topic. Returns whether there was any.
    @discardableResult
    package mutating func remove(group: String, topic: String) -> Bool {
        let pair = Pair(group: group, topic: topic)
        guard let progress = self.table.removeValue(forKey: pair) else { return false }
        self.count -= progress.offsets.count
        self.resetCount -= progress.resets.count
        self.dirtyPairs.remove(pair)
        self.topicsOfGroup[group]?.remove(topic)
        if self.topicsOfGroup[group]?.isEmpty == true { self.topicsOfGroup[group] = nil }
        self.groupsOfTopic[topic]?.remove(group)
        if self.groupsOfTopic[topic]?.isEmpty == true { self.groupsOfTopic[topic] = nil }
        return true
    }

    /// What changed since it was last taken, sorted. The caller writes it to the log.
    package mutating func takeDirty() -> [OffsetRecord] {
        let pairs = self.dirtyPairs.sorted { ($0.group, $0.topic) < ($1.group, $1.topic) }
        self.dirtyPairs = []
        var records: [OffsetRecord] = []
        for pair in pairs {
            guard let progress = self.table[pair] else { continue }
            self.table[pair]?.dirty = []
            records += progress.dirty.sorted().compactMap { queueID in
                progress.offsets[queueID].map {
                    OffsetRecord(
                        group: pair.group, topic: pair.topic, queueID: queueID, offset: $0)
                }
            }
        }
        return records
    }

    package var hasDirty: Bool { !self.dirtyPairs.isEmpty }

    /// What a record of the log says.
    mutating func restore(_ record: OffsetRecord) {
        let pair = Pair(group: record.group, topic: record.topic)
        _ = self.set(record.offset, record.queueID, of: pair)
        // The log's word is newer than what was gathered here.
        self.table[pair]?.dirty.remove(record.queueID)
        if self.table[pair]?.dirty.isEmpty == true { self.dirtyPairs.remove(pair) }
    }

    private mutating func set(_ offset: QueueOffset, _ queueID: Int32, of pair: Pair) -> Bool {
        let previous = self.table[pair, default: Progress()].offsets
            .updateValue(offset, forKey: queueID)
        if previous == offset { return false }
        guard previous == nil else { return true }
        self.count += 1
        if self.table[pair]?.offsets.count == 1 {
            self.topicsOfGroup[pair.group, default: []].insert(pair.topic)
            self.groupsOfTopic[pair.topic, default: []].insert(pair.group)
        }
        return true
    }

    func refusal(of pair: Pair) -> CommitRefusal? {
        if self.count >= self.offsetsMax { return .tableFull(offsetsMax: self.offsetsMax) }
        let isNamed =
            ResourceName.problem(withGroup: pair.group) == nil
            && ResourceName.problem(withTopic: pair.topic) == nil
        return isNamed ? nil : .illegalName
    }
}

extension OffsetTable {
    /// Sorted.
    package var groups: [String] { self.topicsOfGroup.keys.sorted() }

    /// Topics in which a group has an offset, sorted.
    package func topics(of group: String) -> [String] {
        self.topicsOfGroup[group, default: []].sorted()
    }

    /// Groups that have an offset in a topic, sorted.
    package func groups(of topic: String) -> [String] {
        self.groupsOfTopic[topic, default: []].sorted()
    }

    /// By queue.
    package func offsets(group: String, topic: String) -> [Int32: QueueOffset] {
        self.table[Pair(group: group, topic: topic)]?.offsets ?? [:]
    }

    /// All offsets of a group, sorted.
    package func all(of group: String) -> [OffsetRecord] {
        self.topics(of: group).flatMap { topic in
            self.offsets(group: group, topic: topic).sorted { $0.key < $1.key }.map {
                OffsetRecord(group: group, topic: topic, queueID: $0.key, offset: $0.value)
            }
        }
    }

    /// Every offset, sorted.
    package var all: [OffsetRecord] { self.groups.flatMap(self.all(of:)) }

    package func checkInvariants() {
        precondition(self.count == self.table.values.reduce(0) { $0 + $1.offsets.count })
        precondition(self.resetCount == self.table.values.reduce(0) { $0 + $1.resets.count })
        for (pair, progress) in self.table {
            precondition(!progress.offsets.isEmpty, "a pair without offsets is forgotten")
            precondition(self.topicsOfGroup[pair.group]?.contains(pair.topic) == true)
            precondition(self.groupsOfTopic[pair.topic]?.contains(pair.group) == true)
            precondition(progress.dirty.isEmpty != self.dirtyPairs.contains(pair))
            precondition(progress.dirty.allSatisfy { progress.offsets[$0] != nil })
            precondition(progress.resets.keys.allSatisfy { progress.offsets[$0] != nil })
        }
        precondition(self.dirtyPairs.allSatisfy { self.table[$0] != nil })
        precondition(self.topicsOfGroup.values.reduce(0) { $0 + $1.count } == self.table.count)
        precondition(self.groupsOfTopic.values.reduce(0) { $0 + $1.count } == self.table.count)
    }
}
