import DeliveryCore
import LogCore
package import MessageFormat

/// How far a group is behind in one topic.
package struct ConsumerLag: Hashable, Sendable {
    /// Groups and topics that are looked at; those beyond are left out.
    package static let pairsMax = 1_000

    package var group: String
    package var topic: String
    package var isRetry: Bool
    /// Messages that it has not consumed, those included that are with its consumers.
    package var messages: Int64
    /// Of those, popped and not acknowledged yet.
    package var inFlight: Int64
    /// When the oldest of them was stored, or, if it lies in a full segment, that segment's youngest
    /// message: it has waited at least since then.
    package var waitingSince: Timestamp?
}

/// Groups and topics whose queues are few enough to be looked at in one go.
package struct ConsumerLagPortion: Hashable, Sendable {
    struct Pair: Hashable, Sendable {
        var group: String
        var topic: String
    }

    var pairs: [Pair] = []
    var queues = 0

    /// Some tenths of a millisecond.
    static let queuesMax = 1_000
}

// Whoever asks for lags asks for one portion after the other, so that messages pass between them.
extension BrokerEngine {
    package var lagPortions: [ConsumerLagPortion] {
        var portions: [ConsumerLagPortion] = []
        var portion = ConsumerLagPortion()
        var pairs = 0
        for group in self.delivery.offsets.groups {
            for topic in self.delivery.offsets.topics(of: group) {
                guard pairs < ConsumerLag.pairsMax else { return portions + [portion] }
                pairs += 1
                portion.pairs.append(.init(group: group, topic: topic))
                portion.queues += Int(self.delivery.topics.config(topic)?.readQueues ?? 0)
                guard portion.queues >= ConsumerLagPortion.queuesMax else { continue }
                portions.append(portion)
                portion = ConsumerLagPortion()
            }
        }
        return portion.pairs.isEmpty ? portions : portions + [portion]
    }

    package func lags(of portion: ConsumerLagPortion) -> [ConsumerLag] {
        portion.pairs.compactMap { pair in
            guard let config = self.delivery.topics.config(pair.topic) else { return nil }
            var lag = ConsumerLag(
                group: pair.group, topic: pair.topic,
                isRetry: pair.topic.hasPrefix(ResourceName.retryPrefix), messages: 0, inFlight: 0)
            let offsets = self.delivery.offsets.offsets(group: pair.group, topic: pair.topic)
            for queueID in 0..<config.readQueues {
                let key = QueueKey(topic: pair.topic, queueID: queueID)
                guard let number = self.queues.number(of: key) else { continue }
                let messages = self.lag(behind: offsets[queueID], in: number)
                lag.messages += messages
                if messages > 0, let time = self.storeTime(of: offsets[queueID], in: number) {
                    lag.waitingSince = min(lag.waitingSince ?? time, time)
                }
                lag.inFlight += Int64(
                    self.delivery.pops.inFlight(
                        PopKey(group: pair.group, topic: pair.topic, queueID: queueID)))
            }
            return lag
        }
    }

    private func lag(behind offset: QueueOffset?, in number: QueueNumber) -> Int64 {
        let start = self.queues[number].minOffset
        return max(0, self.queues[number].visibleEnd.value - max(offset ?? start, start).value)
    }

    /// Of the message at `offset`, without a look at the disk.
    private func storeTime(of offset: QueueOffset?, in number: QueueNumber) -> Timestamp? {
        let start = self.queues[number].minOffset
        switch self.queues[number].place(of: max(offset ?? start, start)) {
        case .memory(let entries): return entries.first?.storeTimestamp
        case .file(let run): return self.segments.youngest(of: run.segment)
        case .none: return nil
        }
    }
}
