package import MessageFormat

/// Who holds a queue in order, or that nobody does any more.
package struct LockOwner: Hashable, Sendable {
    package var group: String
    package var queue: MessageQueue
    /// Nil: the queue is free.
    package var clientID: String?

    package init(group: String, queue: MessageQueue, clientID: String?) {
        self.group = group
        self.queue = queue
        self.clientID = clientID
    }

    static func precedes(_ left: Self, _ right: Self) -> Bool {
        (left.group, left.clientID ?? "", left.queue) < (
            right.group, right.clientID ?? "", right.queue
        )
    }
}

/// What of `OrderLocks` survives the broker: who was granted what.
///
/// The log hears of a lock when it changes hands, not when it is renewed. So a new master knows whom
/// to let go on, and whom to keep waiting (decision 10).
package struct LockOwners: Sendable {
    private var owners: [String: [MessageQueue: String]] = [:]

    package private(set) var count = 0

    package init() {}

    package func owner(group: String, queue: MessageQueue) -> String? {
        self.owners[group]?[queue]
    }

    /// Every lock, sorted.
    package var all: [LockOwner] {
        self.owners.flatMap { group, queues in
            queues.map { LockOwner(group: group, queue: $0.key, clientID: $0.value) }
        }.sorted(by: LockOwner.precedes)
    }

    /// A change of hands, which the caller has written to the log.
    package mutating func note(_ change: LockOwner) {
        let before = self.owners[change.group]?[change.queue]
        if let clientID = change.clientID {
            self.owners[change.group, default: [:]][change.queue] = clientID
            if before == nil { self.count += 1 }
        } else if before != nil {
            self.owners[change.group]?[change.queue] = nil
            if self.owners[change.group]?.isEmpty == true { self.owners[change.group] = nil }
            self.count -= 1
        }
    }

    package func checkInvariants() {
        precondition(self.count == self.owners.values.reduce(0) { $0 + $1.count })
        precondition(self.owners.values.allSatisfy { !$0.isEmpty })
    }
}

/// The kind of record about queue locks, as it stands in the log.
package enum LockRecordKind: UInt16, Hashable, Sendable, CaseIterable {
    /// List of: group, client (empty: nobody), topic, broker (texts), number of queues (4), ids (4
    /// each).
    case owners = 50
}

extension LockOwners {
    private static let queuesPerRunMax = 8_192

    package func snapshotRecords() -> [StateRecord] { Self.records(of: self.all) }

    /// What the log must hold of these changes. Sorted ones take the least room.
    package static func records(of changes: [LockOwner]) -> [StateRecord] {
        var records: [StateRecord] = []
        var writer = StateWriter()
        var start = 0
        while start < changes.count {
            let end = Self.endOfRun(in: changes, from: start)
            var part = StateWriter(part: ())
            Self.write(changes[start..<end], to: &part)
            if writer.bytes.count + part.bytes.count > DeliveryRecords.bytesMax {
                records.append(Self.record(writer))
                writer = StateWriter()
            }
            writer.put(part: part)
            start = end
        }
        return changes.isEmpty ? [] : records + [Self.record(writer)]
    }

    private static func record(_ writer: StateWriter) -> StateRecord {
        StateRecord(kind: LockRecordKind.owners.rawValue, payload: writer.bytes)
    }

    /// Neighbours that differ in nothing but their queue's id.
    private static func endOfRun(in changes: [LockOwner], from start: Int) -> Int {
        let first = changes[start]
        var end = start + 1
        while end < changes.count, end - start < Self.queuesPerRunMax,
            changes[end].group == first.group, changes[end].clientID == first.clientID,
            changes[end].queue.topic == first.queue.topic,
            changes[end].queue.brokerName == first.queue.brokerName
        {
            end += 1
        }
        return end
    }

    private static func write(_ run: ArraySlice<LockOwner>, to writer: inout StateWriter) {
        guard let first = run.first else { return }
        writer.put(first.group)
        writer.put(first.clientID ?? "")
        writer.put(first.queue.topic)
        writer.put(first.queue.brokerName)
        writer.put(UInt32(run.count))
        for change in run { writer.put(change.queue.queueID) }
    }

    /// Applies a record of the log. False: the kind is somebody else's.
    package mutating func apply(
        kind: UInt16, payload: UnsafeRawBufferPointer
    ) throws(StateRecordError) -> Bool {
        guard LockRecordKind(rawValue: kind) != nil else { return false }
        var reader = try StateReader(payload)
        var changes: [LockOwner] = []
        while !reader.isAtEnd {
            let group = try reader.text("group")
            let clientID = try reader.text("client")
            let topic = try reader.text("topic")
            let broker = try reader.text("broker")
            for _ in 0..<(try reader.integer(UInt32.self)) {
                let queue = MessageQueue(
                    topic: topic, brokerName: broker, queueID: try reader.integer(Int32.self))
                changes.append(
                    LockOwner(
                        group: group, queue: queue, clientID: clientID.isEmpty ? nil : clientID))
            }
        }
        for change in changes { self.note(change) }
        return true
    }
}
