package import MessageFormat

/// Every way to share out a topic's queues that RocketMQ's clients know (`flows.md` §5).
///
/// All consumers of a group must use the same one: each computes its own share.
package enum GroupAllocation: Hashable, Sendable {
    /// By arithmetic on the sorted lists alone.
    case simple(QueueAllocation)
    /// A consumer that comes or goes moves few queues.
    case consistentHash(placesEach: Int = 10)
    /// Only queues of brokers in these rooms, shared out in blocks; what is left goes to the
    /// first consumers. A broker's name is `room@name`.
    case machineRoom(Set<String>)
    case machineRoomNearby(MachineRoomNearby)
    /// What this consumer was told to take, whoever else is there.
    case config([MessageQueue])

    package static let average = Self.simple(.average)
    package static let averageByCircle = Self.simple(.averageByCircle)

    /// The wire's name.
    package var name: String {
        switch self {
        case .simple(let allocation): allocation.rawValue
        case .consistentHash: "CONSISTENT_HASH"
        case .machineRoom: "MACHINE_ROOM"
        case .machineRoomNearby(let nearby): "MACHINE_ROOM_NEARBY-\(nearby.inner.rawValue)"
        case .config: "CONFIG"
        }
    }

    /// The share of `consumer`. Empty if it is not one of `consumers`.
    package func share(
        of consumer: String, queues: some Collection<MessageQueue>,
        consumers: some Collection<String>
    ) -> [MessageQueue] {
        let members = Set(consumers).sorted { $0.utf16.lexicographicallyPrecedes($1.utf16) }
        guard let index = members.firstIndex(of: consumer) else { return [] }
        switch self {
        case .simple(let allocation):
            return allocation.share(of: consumer, queues: queues, consumers: members)
        case .consistentHash(let placesEach):
            let ring = ConsistentHashRing(members, placesEach: placesEach)
            return queues.sorted().filter { ring.owner(of: $0.ringKey) == consumer }
        case .machineRoom(let rooms):
            let inRooms = queues.sorted().filter { $0.room.map(rooms.contains) ?? false }
            return Self.blockAndRest(index, of: members.count, inRooms)
        case .machineRoomNearby(let nearby):
            return nearby.share(of: consumer, queues: queues.sorted(), consumers: members)
        case .config(let fixed): return fixed
        }
    }

    private static func blockAndRest(
        _ index: Int, of consumers: Int, _ queues: [MessageQueue]
    ) -> [MessageQueue] {
        let size = queues.count / consumers
        let rest = queues.count % consumers
        let block = queues[(size * index)..<(size * (index + 1))]
        return block + (index < rest ? [queues[size * consumers + index]] : [])
    }
}

/// Consumers take queues of their own room; rooms without a consumer are shared among all.
package struct MachineRoomNearby: Hashable, Sendable {
    /// Shares out within a room, and what is in no consumer's room.
    package var inner: QueueAllocation
    /// Where each consumer is. One that is not listed is in the room that its id names:
    /// `room@…`; else in none.
    package var roomOfConsumer: [String: String]

    package init(inner: QueueAllocation = .average, roomOfConsumer: [String: String] = [:]) {
        self.inner = inner
        self.roomOfConsumer = roomOfConsumer
    }

    func share(
        of consumer: String, queues: [MessageQueue], consumers: [String]
    ) -> [MessageQueue] {
        let room = self.room(of: consumer)
        let inhabited = Set(consumers.compactMap(self.room(of:)))
        var share: [MessageQueue] = []
        if let room {
            share = self.inner.share(
                of: consumer, queues: queues.filter { $0.room == room },
                consumers: consumers.filter { self.room(of: $0) == room })
        }
        // Room by room, as RocketMQ does it: blocks begin anew in each.
        let lonely = queues.filter { $0.room.map { !inhabited.contains($0) } ?? true }
        for room in Set(lonely.map { $0.room ?? "" }).sorted() {
            share += self.inner.share(
                of: consumer, queues: lonely.filter { ($0.room ?? "") == room },
                consumers: consumers)
        }
        return share.sorted()
    }

    private func room(of consumer: String) -> String? {
        self.roomOfConsumer[consumer] ?? MessageQueue.room(named: consumer)
    }
}

extension MessageQueue {
    /// The room that the broker's name begins with.
    var room: String? { Self.room(named: self.brokerName) }

    static func room(named name: String) -> String? {
        name.firstIndex(of: "@").map { String(name[..<$0]) }
    }

    /// The text that places the queue on a ring.
    var ringKey: String {
        "MessageQueue [topic=\(self.topic), brokerName=\(self.brokerName), queueId=\(self.queueID)]"
    }
}
