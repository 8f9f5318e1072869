package import MessageFormat

/// Round robin over a topic's queues that steps over brokers in trouble.
package struct QueueRotation: Sendable {
    private var turn: Int

    /// `start` spreads producers that begin at the same time over different queues.
    package init(startingAt start: Int = 0) { self.turn = start & Int.max }

    /// The next queue: of a broker that is available and not `avoided`; else of one that is not
    /// `avoided`; else the next in turn. Nil only if there are no queues.
    package mutating func next(
        among queues: [MessageQueue], avoiding avoided: String? = nil,
        isAvailable: (String) -> Bool
    ) -> MessageQueue? {
        guard !queues.isEmpty else { return nil }
        let start = self.turn % queues.count
        self.turn = (self.turn &+ 1) & Int.max
        var secondBest: MessageQueue?
        for step in 0..<queues.count {
            let queue = queues[(start + step) % queues.count]
            guard queue.brokerName != avoided else { continue }
            if isAvailable(queue.brokerName) { return queue }
            secondBest = secondBest ?? queue
        }
        return secondBest ?? queues[start]
    }

    /// The queue to which a sharding key belongs as long as the number of queues stays the same.
    package static func queue(forKey key: String, among queues: [MessageQueue]) -> MessageQueue? {
        guard !queues.isEmpty else { return nil }
        let hash = Int(TagHash.of(key)).magnitude
        return queues[Int(hash % UInt(queues.count))]
    }
}
