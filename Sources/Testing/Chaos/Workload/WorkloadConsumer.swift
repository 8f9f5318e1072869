internal import ApusClient
package import MessageFormat

/// A member of the workload's group: takes down what it gets, then acknowledges it.
package final class WorkloadConsumer: Sendable {
    /// Short, so that a run's end does not wait for progress that was made long before.
    private static let commitInterval: Duration = .milliseconds(500)

    private let member: Member
    private let consumer: PushConsumer
    private let recorder: Recorder

    package init(
        member: Member, topic: String, nameServers: [String], recorder: Recorder
    ) {
        self.member = member
        self.recorder = recorder
        var options = PushConsumer.Options()
        options.from = .first
        options.commitInterval = Self.commitInterval
        self.consumer = PushConsumer(
            ApusClient.Configuration(nameServers: nameServers), group: member.group,
            subscriptions: [Subscription(topic: topic)], options: options)
    }

    /// The queues that the group has given it.
    package var assignedQueues: [MessageQueue] { self.consumer.assignedQueues.map(\.queue) }

    /// Runs until its task is cancelled, then leaves in good order.
    package func run() async {
        var watch = AssignmentWatch(member: self.member, recorder: self.recorder)
        for await delivery in self.consumer.messages {
            watch.look(at: delivery, of: self.consumer)
            self.take(delivery)
        }
        self.recorder.record(.left(self.member))
        await self.consumer.close()
    }

    private func take(_ delivery: Delivery) {
        let message = delivery.message
        let position = QueuePosition(message.queue.queue, QueueOffset(message.queueOffset))
        self.recorder.record(
            .received(
                Reception(
                    member: self.member, position: position, content: message.content,
                    reconsumeTimes: Int32(clamping: message.reconsumeTimes))))
        self.recorder.record(.ackStarted(by: self.member, position))
        let isAssigned = delivery.acknowledge()
        self.recorder.record(.ackEnded(by: self.member, position, isCertain: isAssigned))
    }
}

/// Notices when a consumer's queues have changed, before what comes of the change is taken down.
struct AssignmentWatch {
    private let member: Member
    private let recorder: Recorder
    private var queues: Set<TopicQueue> = []
    private var last: [TopicQueue: Delivery] = [:]

    init(member: Member, recorder: Recorder) {
        self.member = member
        self.recorder = recorder
    }

    /// A queue may have been lost and got back in between: then what was delivered of it before
    /// is no longer assigned.
    mutating func look(at delivery: Delivery, of consumer: PushConsumer) {
        let queue = delivery.message.queue
        let now = Set(consumer.assignedQueues)
        let wasLost = self.last[queue].map { !$0.isAssigned } ?? false
        self.last[queue] = delivery
        guard wasLost || now != self.queues else { return }
        self.queues = now
        let queues = now.sorted().map(\.queue)
        self.recorder.record(.assigned(self.member, queues: queues))
    }
}

extension ReceivedMessage {
    /// What the body turns out to be; the checksum that travels with the message counts too.
    var content: MessageContent {
        let content = MessageValue.content(of: self.body, in: self.topic)
        guard !self.isBodyIntact else { return content }
        let checksum = self.body.withUnsafeBytes { Checksum.crc32($0) }
        return .corrupt(checksum: checksum, problem: "the message's body checksum is wrong")
    }
}
