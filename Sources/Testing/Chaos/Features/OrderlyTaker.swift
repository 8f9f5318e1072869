internal import ApusClient
internal import MessageFormat
internal import Synchronization

/// A member of the group that handles each queue in order; some handlings fail once.
final class OrderlyTaker: Sendable {
    private static let commitInterval: Duration = .milliseconds(500)
    private static let suspendedFor: Duration = .milliseconds(100)
    private static let worksFor: Duration = .milliseconds(2)

    private let member: Member
    private let consumer: PushConsumer
    private let recorder: Recorder
    private let ledger: FeatureLedger
    private let queues = Mutex<Set<TopicQueue>>([])

    init(
        member: Member, plan: WorkloadPlan, nameServers: [String], recorder: Recorder,
        ledger: FeatureLedger
    ) {
        self.member = member
        self.recorder = recorder
        self.ledger = ledger
        var options = PushConsumer.Options()
        options.from = .first
        options.commitInterval = Self.commitInterval
        self.consumer = PushConsumer(
            ApusClient.Configuration(nameServers: nameServers), group: member.group,
            subscriptions: [Subscription(topic: plan.topic)], options: options)
    }

    func run() async {
        await self.consumer.runOrderly { message in try await self.handle(message) }
        self.recorder.record(.left(self.member))
        await self.consumer.close()
    }

    private func handle(_ message: ReceivedMessage) async throws {
        self.lookAtAssignment()
        self.recorder.record(.received(message.reception(by: self.member)))
        guard case .value(let id) = message.content else { return }
        try? await Task.sleep(for: Self.worksFor)
        if Lot.failsOnce(id), self.ledger.meet(id) {
            self.treat(id, message, .failed(again: Self.suspendedFor))
            throw SuspendQueue(for: Self.suspendedFor)
        }
        self.treat(id, message, .done)
        self.ledger.finish(id)
    }

    private func treat(_ id: ValueID, _ message: ReceivedMessage, _ treatment: Treatment) {
        self.recorder.record(.treated(id, by: self.member, message.position, treatment))
    }

    private func lookAtAssignment() {
        let now = Set(self.consumer.assignedQueues)
        let isNew = self.queues.withLock { queues in
            defer { queues = now }
            return queues != now
        }
        guard isNew else { return }
        self.recorder.record(.assigned(self.member, queues: now.sorted().map(\.queue)))
    }
}
