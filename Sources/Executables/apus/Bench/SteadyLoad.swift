import Chaos
import MessageFormat
import NIOCore
import RemotingProtocol
import RemotingTransport
import Synchronization

/// Sends to one queue at a steady rate and reads the same queue; each body says when it was sent.
///
/// No send waits for another one's answer: a server that hesitates is not spared the messages that
/// would have come meanwhile.
final class SteadyLoad: Sendable {
    /// A body opens with the time in this many digits.
    static let bodyBytesMin = 20
    /// How long what was sent may take to arrive at the end.
    private static let patience: Duration = .seconds(5)

    let sends = BenchTotals()
    let arrivals = BenchTotals()
    private let queue: RoutedQueue
    private let first: QueueOffset
    private let filling: [UInt8]
    private let rate: Int
    private let group: any EventLoopGroup
    private let producer: RemotingClient
    private let consumer: RemotingClient
    private let timeout: Duration
    private let sent = Atomic<Int>(0)
    private let isOver = Atomic<Bool>(false)

    init(
        to queue: RoutedQueue, from first: QueueOffset, bytes: Int, rate: Int,
        on group: any EventLoopGroup, timeout: Duration
    ) {
        self.queue = queue
        self.first = first
        self.filling = [UInt8](repeating: UInt8(ascii: "x"), count: bytes - Self.bodyBytesMin)
        self.rate = rate
        self.group = group
        self.producer = RemotingClient(group: group.next(), logger: ConnectionOptions.logger)
        self.consumer = RemotingClient(group: group.next(), logger: ConnectionOptions.logger)
        self.timeout = timeout
    }

    func run(for duration: Duration) async {
        self.pull(from: self.first)
        let began = Recorder.now
        let sending = self.group.next().scheduleRepeatedTask(
            initialDelay: .zero, delay: .microseconds(500)
        ) { _ in self.sendDue(began) }
        try? await Task.sleep(for: duration)
        sending.cancel()
        let latest = Recorder.now + Self.patience
        while self.arrivals.sum.messages < self.sends.sum.messages, Recorder.now < latest {
            try? await Task.sleep(for: .milliseconds(10))
        }
        self.isOver.store(true, ordering: .relaxed)
        await self.consumer.shutdown()
        await self.producer.shutdown()
    }

    // MARK: - Sending

    private func sendDue(_ began: Tick) {
        let due = Int(Double(Recorder.now.since(began)) / 1e9 * Double(self.rate))
        while self.sent.load(ordering: .relaxed) < due {
            self.sent.wrappingAdd(1, ordering: .relaxed)
            self.sendOne()
        }
    }

    private func sendOne() {
        let began = Recorder.now
        let digits = String(began.nanoseconds)
        let body =
            [UInt8](repeating: UInt8(ascii: "0"), count: Self.bodyBytesMin - digits.utf8.count)
            + digits.utf8 + self.filling
        let command = SendTemplate(producerGroup: "apus-bench").command(
            body, to: self.queue.queue, at: Recorder.wallNow)
        self.producer.call(command, to: self.queue.address, timeout: self.timeout) { outcome in
            switch outcome {
            case .success(let answer) where answer.responseCode == .success:
                self.sends.succeeded(bytes: body.count, nanoseconds: Recorder.now.since(began))
            case .success(let answer):
                self.sends.failed("\(answer.responseCode.name): \(answer.remark ?? "")")
            case .failure(let error): self.sends.failed("\(error)")
            }
        }
    }

    // MARK: - Receiving

    private func pull(from offset: QueueOffset) {
        let command = ClusterAccess.pullRequest(
            self.queue.queue, from: offset, messagesMax: 32, suspendMilliseconds: 1_000)
        self.consumer.call(command, to: self.queue.address, timeout: self.timeout) { outcome in
            let now = Recorder.now
            guard !self.isOver.load(ordering: .relaxed) else { return }
            do {
                let page = try ClusterAccess.page(try outcome.get(), from: self.queue.address)
                for message in page.messages { self.arrived(message, at: now) }
                self.pull(from: page.next)
            } catch {
                self.arrivals.failed("\(error)")
                BenchPause.then { self.pull(from: offset) }
            }
        }
    }

    private func arrived(_ message: FetchedMessage, at now: Tick) {
        let digits = message.body.prefix(Self.bodyBytesMin)
        guard let sentAt = Int64(String(decoding: digits, as: UTF8.self)) else {
            return self.arrivals.failed("a message of somebody else in \(self.queue.queue)")
        }
        self.arrivals.succeeded(
            bytes: message.body.count, nanoseconds: now.nanoseconds - sentAt)
    }
}
