internal import MessageFormat

/// Finds held polls by the topic that wakes them, by connection and by deadline.
struct PopHoldIndex: Sendable {
    typealias Entry = (id: UInt64, place: PopPlace)

    let countMax: Int
    let perKeyMax: Int
    let perConnectionMax: Int
    private var lastID = UInt64(0)
    private var places: [UInt64: PopPlace] = [:]
    private var byKey: [PopHoldKey: SortedNumbers<UInt64>] = [:]
    /// Under the topic itself and under its retry topic. Two keys may share a retry topic's name.
    private var keysOfTopic: [String: Set<PopHoldKey>] = [:]
    private var byConnection: [ConnectionKey: Set<UInt64>] = [:]
    private var deadlines = DeadlineBuckets()

    init(countMax: Int, perKeyMax: Int, perConnectionMax: Int) {
        self.countMax = countMax
        self.perKeyMax = perKeyMax
        self.perConnectionMax = perConnectionMax
    }

    var count: Int { self.places.count }
    var nextDeadline: Tick? { self.deadlines.next }

    func count(_ key: PopHoldKey) -> Int { self.byKey[key]?.numbers.count ?? 0 }
    func isWaiting(on stored: String) -> Bool { self.keysOfTopic[stored] != nil }

    /// `id` is that of a poll that was held before.
    mutating func insert(
        _ place: PopPlace, as id: UInt64? = nil
    ) throws(PopHoldRefusal) -> UInt64 {
        guard self.places.count < self.countMax else { throw .full(countMax: self.countMax) }
        guard self.count(place.key) < self.perKeyMax else {
            throw .keyFull(countMax: self.perKeyMax)
        }
        guard self.byConnection[place.connection]?.count ?? 0 < self.perConnectionMax else {
            throw .connectionFull(countMax: self.perConnectionMax)
        }
        if id == nil { self.lastID += 1 }
        let id = id ?? self.lastID
        self.places[id] = place
        if self.byKey[place.key] == nil { self.watchTopics(of: place.key) }
        self.byKey[place.key, default: SortedNumbers()].insert(id)
        self.byConnection[place.connection, default: []].insert(id)
        self.deadlines.insert(id, at: place.deadline)
        return id
    }

    /// In each group: the pops that waited longest, one for each message that they select, and the
    /// notifications that select any.
    mutating func removeAll(on stored: QueueKey, tagHashes: [Int32]) -> [Entry] {
        guard let keys = self.keysOfTopic[stored.topic], !tagHashes.isEmpty else { return [] }
        return keys.sorted().flatMap { self.removeAll(of: $0, on: stored, tagHashes) }
    }

    private mutating func removeAll(
        of key: PopHoldKey, on stored: QueueKey, _ tagHashes: [Int32]
    ) -> [Entry] {
        let isRetry = key.topic != stored.topic
        var popsLeft = tagHashes.count
        let chosen = (self.byKey[key]?.numbers ?? []).filter { id in
            guard let place = self.places[id] else { return false }
            let selects =
                isRetry
                || [-1, stored.queueID].contains(place.queueID)
                    && (place.tagHashes.isEmpty
                        || tagHashes.contains { place.tagHashes.contains($0) })
            guard selects, place.isNotification || popsLeft > 0 else { return false }
            if !place.isNotification { popsLeft -= 1 }
            return true
        }
        return chosen.compactMap { self.remove($0) }
    }

    mutating func removeOldest(group: String, stored: String) -> [Entry] {
        let keys = (self.keysOfTopic[stored] ?? []).filter { $0.group == group }
        let oldest = keys.sorted().compactMap { self.byKey[$0]?.first }.min()
        return oldest.flatMap { self.remove($0) }.map { [$0] } ?? []
    }

    mutating func removeAll(where isMeant: (PopHoldKey) -> Bool) -> [Entry] {
        let ids = self.byKey.filter { isMeant($0.key) }.flatMap { $0.value.numbers }.sorted()
        return ids.compactMap { self.remove($0) }
    }

    mutating func removeDue(at now: Tick) -> [Entry] {
        self.deadlines.takeDue(at: now).compactMap { self.remove($0) }
    }

    mutating func removeAll(
        of connection: ConnectionKey, where isMeant: (PopPlace) -> Bool = { _ in true }
    ) -> [Entry] {
        let ids = (self.byConnection[connection] ?? []).filter {
            self.places[$0].map(isMeant) ?? false
        }
        return ids.sorted().compactMap { self.remove($0) }
    }

    mutating func remove(_ id: UInt64) -> Entry? {
        guard let place = self.places.removeValue(forKey: id) else { return nil }
        self.byKey[place.key]?.remove(id)
        if self.byKey[place.key]?.isEmpty == true {
            self.byKey[place.key] = nil
            self.unwatchTopics(of: place.key)
        }
        self.byConnection[place.connection]?.remove(id)
        if self.byConnection[place.connection]?.isEmpty == true {
            self.byConnection[place.connection] = nil
        }
        self.deadlines.remove(id, at: place.deadline)
        return (id, place)
    }

    private static func topics(of key: PopHoldKey) -> [String] {
        [key.topic, PopTopic.comesBackTo(group: key.group, stored: key.topic)]
    }

    private mutating func watchTopics(of key: PopHoldKey) {
        for topic in Self.topics(of: key) { self.keysOfTopic[topic, default: []].insert(key) }
    }

    private mutating func unwatchTopics(of key: PopHoldKey) {
        for topic in Self.topics(of: key) {
            self.keysOfTopic[topic]?.remove(key)
            if self.keysOfTopic[topic]?.isEmpty == true { self.keysOfTopic[topic] = nil }
        }
    }

    func checkInvariants() {
        precondition(self.places.count <= self.countMax)
        precondition(self.byKey.values.reduce(0) { $0 + $1.numbers.count } == self.count)
        precondition(self.byConnection.values.reduce(0) { $0 + $1.count } == self.count)
        for (key, ids) in self.byKey {
            precondition(!ids.isEmpty && ids.numbers.count <= self.perKeyMax)
            ids.checkInvariants()
            precondition(ids.numbers.allSatisfy { self.places[$0]?.key == key })
            precondition(
                Self.topics(of: key).allSatisfy { self.keysOfTopic[$0]?.contains(key) == true })
        }
        precondition(self.keysOfTopic.values.allSatisfy { !$0.isEmpty })
        let watched = Set(self.keysOfTopic.values.joined())
        precondition(watched == Set(self.byKey.keys))
        precondition(self.places.isEmpty == (self.deadlines.next == nil))
        self.deadlines.checkInvariants()
    }
}
