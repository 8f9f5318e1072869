package import MessageFormat

/// Whether, and until when, a pop or a notification may wait for messages.
package enum PopPatience: Hashable, Sendable {
    /// It does not want to wait, or has waited long enough: it is looked at once.
    case none
    case until(Tick)

    /// How much later than it wanted a request may be looked at and still be somebody's, in
    /// milliseconds.
    static let lateMax = Int64(500)
    /// No request waits longer than this, in milliseconds.
    static let pollTimeMax = Int64(300_000)

    /// `bornTime` is of the client's clock. One that is ahead makes nobody wait longer than it
    /// asked for.
    package static func of(bornTime: Int64, pollTime: Int64, at now: Now) -> Self {
        let pollTime = Self.plausible(pollTime)
        let late = Self.plausible(now.wall.milliseconds) - Self.plausible(bornTime) - pollTime
        let left = min(-max(late, -Self.pollTimeMax), pollTime)
        return left > 0 ? .until(now.tick + .milliseconds(left)) : .none
    }

    /// Clients say what they like; so far from any real time, no sum overflows.
    static func plausible(_ milliseconds: Int64) -> Int64 {
        max(-(Int64(1) << 60), min(milliseconds, Int64(1) << 60))
    }
}

/// Why a poll is not held: `POLLING_FULL`.
package enum PopHoldRefusal: Error, Hashable, Sendable {
    case keyFull(countMax: Int)
    case full(countMax: Int)
    case tooMuchText(bytesMax: Int)
    case connectionFull(countMax: Int)
}

/// What a held poll waits for, and on whose behalf.
package struct PopPlace: Hashable, Sendable {
    package var connection: ConnectionKey
    package var opaque: Int32
    package var group: String
    /// As the client knows it; its retry topic is waited for, too.
    package var topic: String
    /// −1: any queue.
    package var queueID: Int32
    /// Empty selects every message. Those of retry topics always count.
    package var tagHashes: Set<Int32>
    /// A notification takes nothing: one message may wake any number.
    package var isNotification: Bool
    package var deadline: Tick

    package init(
        connection: ConnectionKey, opaque: Int32, group: String, topic: String, queueID: Int32,
        tagHashes: Set<Int32> = [], isNotification: Bool = false, deadline: Tick
    ) {
        self.connection = connection
        self.opaque = opaque
        self.group = group
        self.topic = topic
        self.queueID = queueID
        self.tagHashes = tagHashes
        self.isNotification = isNotification
        self.deadline = deadline
    }

    var key: PopHoldKey { PopHoldKey(topic: self.topic, group: self.group) }
}

struct PopHoldKey: Hashable, Comparable, Sendable {
    var topic: String
    var group: String

    static func < (left: Self, right: Self) -> Bool {
        (left.topic, left.group) < (right.topic, right.group)
    }
}

/// Pops and notifications that found nothing and wait (`flows.md` §13). Memory only.
///
/// A message wakes the polls that waited longest, in each group of its own: as many pops as there
/// are messages, and all notifications. Who woke for nothing is held again in its old place.
package struct PopHold<Held: Sendable>: Sendable {
    package struct Poll: Sendable {
        package let id: HoldID
        package let place: PopPlace
        package let held: Held
        fileprivate let bytes: Int
    }

    private var index: PopHoldIndex
    private var payloads: [UInt64: (held: Held, bytes: Int)] = [:]
    private let bytesMax: Int
    private var bytes = 0

    /// - Parameter bytesMax: of what all held polls say beside their place, such as expressions.
    package init(
        countMax: Int = 100_000, perKeyMax: Int = 1_024, perConnectionMax: Int = 20_000,
        bytesMax: Int = 32 << 20
    ) {
        self.bytesMax = bytesMax
        self.index = PopHoldIndex(
            countMax: countMax, perKeyMax: perKeyMax, perConnectionMax: perConnectionMax)
    }

    package var count: Int { self.index.count }

    /// How many wait for one topic on behalf of one group.
    package func count(group: String, topic: String) -> Int {
        self.index.count(PopHoldKey(topic: topic, group: group))
    }

    /// When `expire(at:)` next has something to give.
    package var nextDeadline: Tick? { self.index.nextDeadline }

    /// Whether messages of a topic, a retry topic perhaps, are waited for.
    package func isWaiting(on stored: String) -> Bool { self.index.isWaiting(on: stored) }

    @discardableResult
    package mutating func hold(
        _ place: PopPlace, held: Held, bytes: Int = 0
    ) throws(PopHoldRefusal) -> HoldID {
        try self.checkRoom(for: bytes)
        let id = try self.index.insert(place)
        self.keep(held, bytes, as: id)
        return HoldID(value: id)
    }

    /// A poll that woke for nothing waits on, before those that came after it.
    package mutating func holdAgain(_ poll: Poll) throws(PopHoldRefusal) {
        try self.checkRoom(for: poll.bytes)
        _ = try self.index.insert(poll.place, as: poll.id.value)
        self.keep(poll.held, poll.bytes, as: poll.id.value)
    }

    private func checkRoom(for bytes: Int) throws(PopHoldRefusal) {
        guard self.bytes + bytes <= self.bytesMax else {
            throw .tooMuchText(bytesMax: self.bytesMax)
        }
    }

    private mutating func keep(_ held: Held, _ bytes: Int, as id: UInt64) {
        self.payloads[id] = (held, bytes)
        self.bytes += bytes
    }

    /// Messages with these tag hashes became visible in a queue. Gives back who gets to look,
    /// oldest first.
    package mutating func wake(_ stored: QueueKey, tagHashes: [Int32]) -> [Poll] {
        guard self.count > 0 else { return [] }
        return self.polls(self.index.removeAll(on: stored, tagHashes: tagHashes))
    }

    /// The group may pop the topic again, though nothing new is there. One look is enough.
    package mutating func wakeOne(group: String, stored: String) -> [Poll] {
        self.polls(self.index.removeOldest(group: group, stored: stored))
    }

    /// Gives back every poll of a topic: it changed or is gone.
    package mutating func wakeAll(topic: String) -> [Poll] {
        self.polls(self.index.removeAll { $0.topic == topic })
    }

    /// Gives back every poll of a group: it changed or is gone.
    package mutating func wakeAll(group: String) -> [Poll] {
        self.polls(self.index.removeAll { $0.group == group })
    }

    /// Time has passed: gives back the polls whose deadline is over, oldest first.
    package mutating func expire(at now: Tick) -> [Poll] {
        self.polls(self.index.removeDue(at: now))
    }

    /// The client behind a connection is given up in a group: gives back its polls.
    package mutating func remove(of connection: ConnectionKey, group: String) -> [Poll] {
        self.polls(self.index.removeAll(of: connection) { $0.group == group })
    }

    /// A connection closed: nobody waits for its answers any more.
    package mutating func closed(_ connection: ConnectionKey) {
        _ = self.polls(self.index.removeAll(of: connection))
    }

    private mutating func polls(_ entries: [PopHoldIndex.Entry]) -> [Poll] {
        entries.compactMap { entry in
            self.payloads.removeValue(forKey: entry.id).map { payload in
                self.bytes -= payload.bytes
                return Poll(
                    id: HoldID(value: entry.id), place: entry.place, held: payload.held,
                    bytes: payload.bytes)
            }
        }
    }

    package func checkInvariants() {
        precondition(self.payloads.count == self.index.count, "each held poll has its payload")
        precondition(self.bytes == self.payloads.values.reduce(0) { $0 + $1.bytes })
        self.index.checkInvariants()
    }
}
