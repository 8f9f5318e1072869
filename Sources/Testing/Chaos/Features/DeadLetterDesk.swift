internal import ApusClient
internal import MessageFormat
internal import RemotingProtocol

/// Reads a group's dead letters as they come, and has each sent again, once.
struct DeadLetterDesk {
    private static let pause: Duration = .milliseconds(300)
    private static let giveUpAfter: Duration = .seconds(60)

    let plan: WorkloadPlan
    let access: ClusterAccess
    let recorder: Recorder
    let ledger: FeatureLedger

    private var topic: String { ResourceName.deadLetterPrefix + self.plan.group }

    func run() async {
        var next: [MessageQueue: QueueOffset] = [:]
        while !Task.isCancelled {
            let route = try? await self.access.route(of: self.topic)
            for queue in route?.readableQueues(of: self.topic) ?? [] {
                next[queue.queue] = await self.read(queue, from: next[queue.queue] ?? .zero)
            }
            try? await Task.sleep(for: Self.pause)
        }
    }

    private func read(_ queue: RoutedQueue, from: QueueOffset) async -> QueueOffset {
        guard let page = try? await self.access.pull(queue, from: from) else { return from }
        for message in page.messages {
            let content = MessageValue.content(of: message.body, in: self.plan.topic)
            guard case .value(let id) = content else { continue }
            let note = DeadLetterNote(message.properties)
            self.recorder.record(
                .buried(
                    id, QueuePosition(queue.queue, message.queueOffset),
                    reason: note?.error ?? "no reason"))
            self.ledger.replay(id)
            self.recorder.record(.replayed(id))
            await self.replay(message, queue)
        }
        return max(page.next, from)
    }

    /// Asked again, of the next master too, until one says that it is done.
    private func replay(_ message: FetchedMessage, _ queue: RoutedQueue) async {
        let command = RemotingCommand.request(
            .replayDeadLetter,
            fields: [
                "group": self.plan.group, "queueId": String(queue.queue.queueID),
                "queueOffset": String(message.queueOffset.value),
                "offset": String(message.physicalOffset.bytes),
            ])
        let deadline = Recorder.now + Self.giveUpAfter
        while Recorder.now < deadline, !Task.isCancelled {
            if let address = await self.master(of: queue.queue.brokerName),
                (try? await self.access.call(command, to: address)) != nil
            {
                return
            }
            try? await Task.sleep(for: Self.pause)
        }
    }

    private func master(of brokerName: String) async -> String? {
        let masters = try? await self.access.masters()
        return masters?.first { $0.brokerName == brokerName }?.address
    }
}
