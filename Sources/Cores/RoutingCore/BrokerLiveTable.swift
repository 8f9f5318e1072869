package import MessageFormat

/// The connection over which a broker registered. The engine gives it its meaning.
package struct BrokerLink: Hashable, Comparable, Sendable {
    package var number: UInt64

    package init(_ number: UInt64) { self.number = number }

    package static func < (left: Self, right: Self) -> Bool { left.number < right.number }
}

/// When each broker was heard from last, and over which connection it registered last.
///
/// One connection may speak for several brokers, but each broker has one connection: the newest
/// over which it registered. An older one may close without effect, as after a reconnect.
package struct BrokerLiveTable: Hashable, Sendable {
    private struct Entry: Hashable {
        var link: BrokerLink
        var heardAt: Tick
        var silenceMax: Duration
    }

    private var entries: [BrokerKey: Entry] = [:]
    private var brokersByLink: [BrokerLink: Set<BrokerKey>] = [:]

    package init() {}

    package var count: Int { self.entries.count }
    package var brokers: Set<BrokerKey> { Set(self.entries.keys) }

    /// The brokers that registered last over this connection.
    package func brokers(over link: BrokerLink) -> [BrokerKey] {
        self.brokersByLink[link, default: []].sorted()
    }

    /// The brokers whose silence is too long.
    package func silent(at now: Tick) -> [BrokerKey] {
        self.entries.filter { now - $0.value.heardAt > $0.value.silenceMax }.keys.sorted()
    }

    package mutating func registered(
        _ broker: BrokerKey, over link: BrokerLink, at now: Tick, silenceMax: Duration
    ) {
        self.removed(broker)
        self.entries[broker] = Entry(link: link, heardAt: now, silenceMax: silenceMax)
        self.brokersByLink[link, default: []].insert(broker)
    }

    package mutating func heard(_ broker: BrokerKey, at now: Tick) {
        self.entries[broker]?.heardAt = now
    }

    /// Nobody could be heard for a while, and nobody is blamed for it.
    package mutating func forgive(_ deafness: Duration, at now: Tick) {
        for (broker, entry) in self.entries {
            self.entries[broker]?.heardAt = min(entry.heardAt + deafness, now)
        }
    }

    /// Forgets a broker. Returns the connection over which it had registered.
    @discardableResult
    package mutating func removed(_ broker: BrokerKey) -> BrokerLink? {
        guard let link = self.entries.removeValue(forKey: broker)?.link else { return nil }
        self.brokersByLink[link]?.remove(broker)
        if self.brokersByLink[link]?.isEmpty == true { self.brokersByLink[link] = nil }
        return link
    }

    func checkInvariants() -> [String] {
        var byLink: [BrokerLink: Set<BrokerKey>] = [:]
        for (broker, entry) in self.entries { byLink[entry.link, default: []].insert(broker) }
        return byLink == self.brokersByLink ? [] : ["brokers by connection are out of step"]
    }
}
