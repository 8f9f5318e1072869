import Chaos
import Logging
import MessageFormat
import NIOPosix
import RemotingProtocol
import RemotingTransport

/// Sends to one broker, or to a group's master, and reads back, without anything that could hide a
/// fault.
struct StoreClient: Sendable {
    private static let sendTimeout: Duration = .seconds(4)
    private static let pause: Duration = .milliseconds(10)
    private static let nowhere: Set<ResponseCode> = [.topicNotExist, .queryNotFound]

    private let brokerName: String
    private let address: @Sendable () -> String?
    /// Between two messages of one client.
    private let pace: Duration
    private let access: ClusterAccess

    init(_ broker: LoneBroker) {
        let address = broker.address
        self.init(LoneBroker.name, pace: .zero) { address }
    }

    /// - Parameter address: of the broker that is master now; nil while there is none.
    init(_ brokerName: String, pace: Duration, at address: @escaping @Sendable () -> String?) {
        self.brokerName = brokerName
        self.address = address
        self.pace = pace
        self.access = ClusterAccess(
            nameServers: [], group: MultiThreadedEventLoopGroup.singleton, timeout: .seconds(10),
            logger: Logger(label: "apus-lab", factory: { _ in SwiftLogNoOpLogHandler() }))
    }

    func shutdown() async { await self.access.shutdown() }

    // MARK: Sending

    @discardableResult
    func send(_ history: StoreHistory, bytes: Int = 700, queue: Int32? = nil) async -> SendOutcome {
        guard let address = self.address() else { return .failed }
        let (number, id) = history.started()
        let queue = MessageQueue(
            topic: history.topic, brokerName: self.brokerName,
            queueID: queue ?? Int32(truncatingIfNeeded: id.sequence) % StoreHistory.queues)
        let body = MessageValue(id: id, topic: history.topic, size: bytes).encoded
        let command = SendTemplate(producerGroup: "disk-producers", keys: "\(id)")
            .command(body, to: queue, at: Recorder.wallNow)
        var report: SendReport
        do {
            let answer = try await self.access.remoting.call(
                command, to: address, timeout: Self.sendTimeout)
            report = SendReport(answer, to: queue)
        } catch {
            report = SendReport(.unreachable(error))
        }
        history.ended(number, report)
        return report.outcome
    }

    /// So many clients send, one message after the other each, until told to stop.
    func send(
        _ history: StoreHistory, clients: Int, until isOver: @escaping @Sendable () -> Bool
    ) async {
        await withTaskGroup(of: Void.self) { tasks in
            for client in 0..<clients {
                tasks.addTask {
                    var generator = SeededGenerator(seed: UInt64(client))
                    while !isOver(), !Interrupt.isRequested {
                        // Most messages are small, some are not.
                        let bytes =
                            Int.random(in: 0..<40, using: &generator) == 0
                            ? 60_000 : Int.random(in: 60...2_000, using: &generator)
                        let outcome = await self.send(history, bytes: bytes)
                        let pause = outcome == .acknowledged ? self.pace : Self.pause
                        if pause > .zero { try? await Task.sleep(for: pause) }
                    }
                }
            }
        }
    }

    // MARK: Reading

    /// Reads all that there is of the topic. Throws if nobody answers.
    ///
    /// - Parameter patience: what is refused is asked for again, until all of this is used up.
    func read(
        _ history: StoreHistory, patience: Duration = .zero
    ) async throws(AccessError) {
        var reading = StoreHistory.Reading()
        let deadline = SuspendingClock.now + patience
        for id in 0..<StoreHistory.queues {
            let queue = MessageQueue(
                topic: history.topic, brokerName: self.brokerName, queueID: id)
            try await self.read(queue, into: &reading, until: deadline)
        }
        history.read(reading)
    }

    private func read(
        _ queue: MessageQueue, into reading: inout StoreHistory.Reading,
        until deadline: SuspendingClock.Instant
    ) async throws(AccessError) {
        let ends = try await self.asking(queue, until: deadline) { queue throws(AccessError) in
            try await self.ends(of: queue)
        }
        guard let (min, max) = ends else {
            return reading.note(.drainEnded(queue, min: .zero, max: .zero))
        }
        var next = min
        while next < max {
            do throws(AccessError) {
                let from = next
                let page = try await self.asking(queue, until: deadline) {
                    queue throws(AccessError) in try await self.access.pull(queue, from: from)
                }
                for message in page.messages {
                    reading.note(
                        .drained(QueuePosition(queue, message.queueOffset), message.content))
                }
                guard page.next > next else { break }
                next = page.next
            } catch {
                guard error.responseCode != nil || error.isNonsense else { throw error }
                reading.withhold(QueuePosition(queue, next), error)
                next = next.advanced(by: 1)
            }
        }
        reading.note(.drainEnded(queue, min: min, max: max))
    }

    /// Asks whoever is master until there is an answer, or the time is over.
    private func asking<Answer: Sendable>(
        _ queue: MessageQueue, until deadline: SuspendingClock.Instant,
        _ ask: (RoutedQueue) async throws(AccessError) -> Answer
    ) async throws(AccessError) -> Answer {
        while true {
            do throws(AccessError) {
                guard let address = self.address() else { throw .noMaster(topic: queue.topic) }
                return try await ask(RoutedQueue(queue: queue, address: address))
            } catch {
                let isWrong = if case .unreadable = error { true } else { false }
                if isWrong || SuspendingClock.now >= deadline { throw error }
                try? await Task.sleep(for: Self.pause)
            }
        }
    }

    /// nil: the broker does not know the topic.
    private func ends(
        of queue: RoutedQueue
    ) async throws(AccessError) -> (QueueOffset, QueueOffset)? {
        do throws(AccessError) {
            return (
                try await self.access.minOffset(of: queue),
                try await self.access.maxOffset(of: queue)
            )
        } catch {
            guard let code = error.responseCode, Self.nowhere.contains(code) else { throw error }
            return nil
        }
    }
}

extension AccessError {
    fileprivate var isNonsense: Bool {
        if case .unreadable = self { true } else { false }
    }
}

extension StoreHistory.Reading {
    fileprivate mutating func note(_ kind: HistoryEvent.Kind) {
        self.events.append(HistoryEvent(at: Recorder.now, kind))
    }

    /// An answer that cannot be read is a wrong one, not an error.
    fileprivate mutating func withhold(_ position: QueuePosition, _ error: AccessError) {
        guard error.responseCode != nil else {
            return self.note(.drained(position, .corrupt(checksum: 0, problem: "\(error)")))
        }
        self.withheld.insert(position)
        self.complaint = "\(error)"
        // The place is not empty: it is known not to be readable.
        self.note(.drained(position, .foreign(checksum: 0)))
    }
}
