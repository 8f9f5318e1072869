package import MessageFormat
internal import RemotingProtocol

/// Reads every queue of a topic from its first to its last message, after everything was healed.
package struct Drain: Sendable {
    private static let pause: Duration = .milliseconds(100)
    /// So long a group has to find a broker on whose disk a message is whole.
    private static let repairTime: Duration = .seconds(3)

    package let topic: String
    package let access: ClusterAccess
    package let recorder: Recorder
    /// Brokers may still be starting: each call is repeated until then.
    package let deadline: Tick

    package init(topic: String, access: ClusterAccess, recorder: Recorder, deadline: Tick) {
        self.topic = topic
        self.access = access
        self.recorder = recorder
        self.deadline = deadline
    }

    /// Reads the queues one after the other. Those that could not be read to their end stay
    /// without a `drain!` event, which makes the verdict inconclusive.
    package func run() async {
        guard let queues = await self.queues() else { return }
        await withTaskGroup(of: Void.self) { tasks in
            // One task per broker: queues of a broker share its disk anyway.
            for (_, queues) in Dictionary(grouping: queues, by: \.address) {
                tasks.addTask {
                    for queue in queues { await self.read(queue) }
                }
            }
        }
    }

    /// All readable queues, once every broker group of the topic has a master.
    private func queues() async -> [RoutedQueue]? {
        await self.persistently { () async throws(AccessError) -> [RoutedQueue] in
            let route = try await self.access.route(of: self.topic)
            guard route.brokers.allSatisfy({ $0.masterAddress != nil }), !route.queues.isEmpty
            else { throw AccessError.noMaster(topic: self.topic) }
            return route.readableQueues(of: self.topic)
        }
    }

    private func read(_ queue: RoutedQueue) async {
        guard
            let min = await self.persistently({ () async throws(AccessError) -> QueueOffset in
                try await self.access.minOffset(of: queue)
            }),
            let max = await self.persistently({ () async throws(AccessError) -> QueueOffset in
                try await self.access.maxOffset(of: queue)
            })
        else { return }
        var next = min
        let patience = Recorder.now + Self.repairTime
        while next < max {
            guard let page = await self.page(of: queue, from: next, patience: patience) else {
                return
            }
            self.record(page, of: queue.queue)
            // A broker that does not get on would keep us here for ever; the hole shows.
            guard page.next > next else { break }
            next = page.next
        }
        self.recorder.record(.drainEnded(queue.queue, min: min, max: max))
    }

    /// The next messages. A message that stays damaged is passed over: it is not there.
    private func page(
        of queue: RoutedQueue, from: QueueOffset, patience: Tick
    ) async -> PullPage? {
        repeat {
            do throws(AccessError) {
                return try await self.access.pull(queue, from: from)
            } catch  where error.isOfDamage && Recorder.now >= patience {
                return PullPage(
                    code: .systemError, next: from.advanced(by: 1), min: from, max: from,
                    messages: [])
            } catch {
                try? await Task.sleep(for: Self.pause)
            }
        } while Recorder.now < self.deadline && !Task.isCancelled
        return nil
    }

    private func record(_ page: PullPage, of queue: MessageQueue) {
        for message in page.messages {
            let position = QueuePosition(queue, message.queueOffset)
            self.recorder.record(.drained(position, message.content))
        }
    }

    private func persistently<T: Sendable>(
        _ call: () async throws(AccessError) -> T
    ) async -> T? {
        repeat {
            if let result = try? await call() { return result }
            try? await Task.sleep(for: Self.pause)
        } while Recorder.now < self.deadline && !Task.isCancelled
        return nil
    }
}

extension FetchedMessage {
    /// What the body turns out to be; the checksum that travels with the message counts too.
    package var content: MessageContent {
        let content = MessageValue.content(of: self.body, in: self.originalTopic)
        guard !self.isBodyIntact else { return content }
        let checksum = self.body.withUnsafeBytes { Checksum.crc32($0) }
        return .corrupt(checksum: checksum, problem: "the message's body checksum is wrong")
    }

    /// A retried message lies in its group's retry topic and names its own.
    private var originalTopic: String {
        self.properties[PropertyName.retryTopic] ?? self.topic
    }
}
