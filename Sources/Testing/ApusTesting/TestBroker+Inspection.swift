public import ApusClient
import BrokerEngine
import ClientEngine
import DeliveryCore
import LogCore
import MessageFormat

extension TestBroker {
    /// Everything that was stored in a topic, in the order in which it was stored.
    ///
    /// Consumed or not, it stays. A message that is delayed, or whose transaction is open, is not
    /// in its topic yet.
    public func messages(in topic: String) async -> [ReceivedMessage] {
        await self.onLoop { hands in
            var messages: [ReceivedMessage] = []
            hands.log.forEachMessage { message in
                guard message.topic == topic else { return }
                let inbound = InboundMessage(message, brokerName: hands.names.broker)
                messages.append(ReceivedMessage(inbound))
            }
            return messages
        }
    }

    /// The messages that a group has given up.
    public func deadLetters(of group: String) async -> [ReceivedMessage] {
        await self.messages(in: ResourceName.deadLetterPrefix + group)
    }

    /// How many messages of a topic a group has not acknowledged to the broker; nil as long as it
    /// has not said anything of the topic.
    ///
    /// What failed and waits to come again is acknowledged in its topic.
    public func lag(of group: String, topic: String) async -> Int64? {
        await self.onLoop { hands in
            let offsets = hands.engine.delivery.offsets.offsets(group: group, topic: topic)
            guard !offsets.isEmpty else { return nil }
            let queues = hands.engine.queues.all.filter { $0.key.topic == topic }
            return queues.reduce(0) { lag, queue in
                let begin = offsets[queue.key.queueID] ?? queue.minOffset
                return lag + queue.visibleEnd.value - begin.value
            }
        }
    }

    /// Waits until a group has acknowledged everything in a topic. Returns whether it has, or false
    /// when `limit` is over.
    public func untilConsumed(
        _ topic: String, by group: String, within limit: Duration = .seconds(10)
    ) async -> Bool {
        let deadline = ContinuousClock.now + limit
        while ContinuousClock.now < deadline, !Task.isCancelled {
            if await self.lag(of: group, topic: topic) == 0 { return true }
            try? await Task.sleep(for: .milliseconds(5))
        }
        return await self.lag(of: group, topic: topic) == 0
    }
}
