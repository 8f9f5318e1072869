import Chaos
import MessageFormat
import RemotingProtocol

/// The ends of one queue.
struct QueueStats: Sendable {
    var queue: MessageQueue
    var min: QueueOffset
    var max: QueueOffset
    var lastStored: Timestamp?

    var count: Int { Swift.max(0, self.max.distance(from: self.min)) }
}

extension ClusterAccess {
    /// The ends of all readable queues of a topic, sorted.
    func stats(
        of topic: String, _ route: TopicRouteData
    ) async throws(AccessError) -> [QueueStats] {
        var stats: [QueueStats] = []
        for broker in route.brokers {
            guard let address = broker.masterAddress else { continue }
            let answer = try await self.call(
                .request(.getTopicStatsInfo, fields: ["topic": topic]), to: address)
            let table: TopicStatsTable = try Self.body(of: answer, from: address)
            stats += table.queues.map { queue, ends in
                let last = ends.lastUpdateTimestamp
                return QueueStats(
                    queue: queue, min: QueueOffset(ends.minOffset),
                    max: QueueOffset(ends.maxOffset),
                    lastStored: last > 0 ? Timestamp(milliseconds: last) : nil)
            }
        }
        return stats.sorted { $0.queue < $1.queue }
    }
}
