import Chaos
import Logging
import MessageFormat
import NIOPosix
import RemotingProtocol
import RemotingTransport

/// Sends to one broker and reads back from it, without anything that could hide a fault.
struct StoreClient: Sendable {
    private static let sendTimeout: Duration = .seconds(4)
    private static let pause: Duration = .milliseconds(10)
    private static let nowhere: Set<ResponseCode> = [.topicNotExist, .queryNotFound]

    let address: String
    private let access: ClusterAccess

    init(_ broker: LoneBroker) {
        self.address = broker.address
        self.access = ClusterAccess(
            nameServers: [], group: MultiThreadedEventLoopGroup.singleton, timeout: .seconds(10),
            logger: Logger(label: "apus-lab", factory: { _ in SwiftLogNoOpLogHandler() }))
    }

    func shutdown() async { await self.access.shutdown() }

    // MARK: Sending

    @discardableResult
    func send(_ history: StoreHistory, bytes: Int = 700, queue: Int32? = nil) async -> SendOutcome {
        let (number, id) = history.started()
        let queue = MessageQueue(
            topic: history.topic, brokerName: LoneBroker.name,
            queueID: queue ?? Int32(truncatingIfNeeded: id.sequence) % StoreHistory.queues)
        let body = MessageValue(id: id, topic: history.topic, size: bytes).encoded
        let command = SendTemplate(producerGroup: "disk-producers", keys: "\(id)")
            .command(body, to: queue, at: Recorder.wallNow)
        var report: SendReport
        do {
            let answer = try await self.access.remoting.call(
                command, to: self.address, timeout: Self.sendTimeout)
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
                        guard await self.send(history, bytes: bytes) != .acknowledged else {
                            continue
                        }
                        try? await Task.sleep(for: Self.pause)
                    }
                }
            }
        }
    }

    // MARK: Reading

    /// Reads all that the broker has of the topic. Throws if it does not answer.
    func read(_ history: StoreHistory) async throws(AccessError) {
        var reading = StoreHistory.Reading()
        for id in 0..<StoreHistory.queues {
            let queue = MessageQueue(
                topic: history.topic, brokerName: LoneBroker.name, queueID: id)
            try await self.read(RoutedQueue(queue: queue, address: self.address), into: &reading)
        }
        history.read(reading)
    }

    private func read(
        _ queue: RoutedQueue, into reading: inout StoreHistory.Reading
    ) async throws(AccessError) {
        guard let (min, max) = try await self.ends(of: queue) else {
            return reading.note(.drainEnded(queue.queue, min: .zero, max: .zero))
        }
        var next = min
        while next < max {
            do throws(AccessError) {
                let page = try await self.access.pull(queue, from: next)
                for message in page.messages {
                    reading.note(
                        .drained(QueuePosition(queue.queue, message.queueOffset), message.content))
                }
                guard page.next > next else { break }
                next = page.next
            } catch {
                guard error.responseCode != nil || error.isNonsense else { throw error }
                reading.withhold(QueuePosition(queue.queue, next), error)
                next = next.advanced(by: 1)
            }
        }
        reading.note(.drainEnded(queue.queue, min: min, max: max))
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
