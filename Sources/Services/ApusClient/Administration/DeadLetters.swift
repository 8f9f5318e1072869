import ClientCore
import ClientEngine
import MessageFormat
import RemotingProtocol

/// A group's dead letters that were there when the iteration began, broker by broker, the oldest
/// of each first.
public struct DeadLetters: AsyncSequence, Sendable {
    public typealias Element = DeadLetter
    public typealias Failure = ApusClientError

    let admin: Admin
    let group: String
    let filter: DeadLetterFilter

    public func makeAsyncIterator() -> Iterator { Iterator(letters: self) }

    public struct Iterator: AsyncIteratorProtocol, Sendable {
        /// A queue that is not read to its end.
        private struct Unread: Sendable {
            var queue: MessageQueue
            var next: QueueOffset
            var end: QueueOffset
            var replayed: [Range<QueueOffset>]
        }

        private static let messagesPerPull: Int32 = 32

        private let letters: DeadLetters
        /// The one that is read first, last. Nil: nothing has been asked yet.
        private var unread: [Unread]?
        private var page: ArraySlice<DeadLetter> = []

        init(letters: DeadLetters) { self.letters = letters }

        /// The next letter. Nil: that was all.
        public mutating func next() async throws(ApusClientError) -> DeadLetter? {
            try await self.next(isolation: nil)
        }

        /// The same, for a caller on an actor.
        public mutating func next(
            isolation actor: isolated (any Actor)?
        ) async throws(ApusClientError) -> DeadLetter? {
            if self.unread == nil { self.unread = try await self.queues() }
            while self.page.isEmpty {
                guard let queue = self.unread?.popLast() else { return nil }
                try await self.read(queue)
            }
            return self.page.popFirst()
        }

        private func queues() async throws(ApusClientError) -> [Unread] {
            let topic = ResourceName.deadLetterPrefix + self.letters.group
            let lists = try await self.letters.admin.deadLetterLists(ofGroup: self.letters.group)
            return lists.flatMap { list in
                list.queues.filter { $0.first < $0.end }.map { queue in
                    Unread(
                        queue: MessageQueue(
                            topic: topic, brokerName: list.brokerName, queueID: queue.queueID),
                        next: queue.first, end: queue.end, replayed: queue.stretches)
                }
            }.reversed()
        }

        /// Fills the page, and keeps what is left of the queue.
        private mutating func read(_ queue: Unread) async throws(ApusClientError) {
            let request = QueuePull(
                group: Admin.toolsGroup, queue: queue.queue, offset: queue.next,
                subscription: SubscriptionData(topic: queue.queue.topic, expression: "*"),
                messagesMax: Self.messagesPerPull, hold: .zero)
            let what = "reading the dead letters of group \(self.letters.group)"
            let answer = try await self.letters.admin.ask(
                queue.queue.brokerName, request.command,
                accepting: [.success, .pullNotFound, .pullRetryImmediately, .pullOffsetMoved],
                during: what)
            var rest = queue
            switch PullAnswer(.success(answer), of: request) {
            case .found(let messages, let progress):
                self.page = self.wanted(messages, of: queue)[...]
                rest.next = progress.next
            case .nothing(let progress), .moved(let progress): rest.next = progress.next
            case .refused(_, let remark):
                throw ApusClientError(.badAnswer, "\(what): \(remark)")
            case .failed(let failure):
                throw ApusClientError(.serverError, "\(what): \(failure.failure.reason)")
            }
            if queue.next < rest.next, rest.next < rest.end { self.unread?.append(rest) }
        }

        private func wanted(_ messages: [InboundMessage], of queue: Unread) -> [DeadLetter] {
            messages.filter { $0.queueOffset < queue.end }.map { message in
                DeadLetter(
                    ReceivedMessage(message), group: self.letters.group,
                    isReplayed: queue.replayed.contains { $0.contains(message.queueOffset) })
            }.filter(self.letters.filter.matches)
        }
    }
}
