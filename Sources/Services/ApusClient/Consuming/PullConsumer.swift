import ClientCore
import ClientEngine
import MessageFormat
import RemotingProtocol
import RemotingTransport
import Synchronization

/// Reads queues by hand: the user chooses queue and offset, and keeps the progress.
///
/// ```swift
/// let consumer = PullConsumer(configuration, group: "audit")
/// for queue in try await consumer.queues(of: "orders") {
///     var offset = try await consumer.minOffset(of: queue)
///     let page = try await consumer.pull(queue, from: offset)
///     …
/// }
/// ```
public final class PullConsumer: Sendable {
    /// What one pull brought.
    public struct Page: Sendable {
        /// In the order of their offsets; empty if there was nothing.
        public var messages: [ReceivedMessage]
        /// Where the next pull goes on: past what did not match the tags, too.
        public var nextOffset: Int64
        /// The offset of the queue's oldest message.
        public var minOffset: Int64
        /// The offset that the queue's next message will get.
        public var maxOffset: Int64
        /// The offset asked for lay outside the queue; `nextOffset` is the nearest inside.
        public var wasOutOfRange: Bool
    }

    /// In whose name offsets are committed.
    public let group: String
    private let fullGroup: String
    private let connection: ClientConnection
    private let routes = Mutex<[String: TopicRoute]>([:])

    /// Connects when the first question is asked.
    public init(_ configuration: ApusClient.Configuration, group: String) {
        self.connection = ClientConnection(configuration)
        self.group = group
        self.fullGroup = self.connection.namespace.full(group)
    }

    deinit {
        let remoting = self.connection.remoting
        Task { await remoting.shutdown() }
    }

    /// Closes the connections. Calls that are under way fail.
    public func close() async { await self.connection.remoting.shutdown() }

    /// The topic's queues that can be read now.
    public func queues(of topic: String) async throws(ApusClientError) -> [TopicQueue] {
        try await self.freshRoute(of: topic).readQueues.map {
            TopicQueue(self.connection.namespace.bare($0))
        }
    }
}

// MARK: - Reading

extension PullConsumer {
    /// Reads messages from `offset` on.
    ///
    /// - Parameters:
    ///   - tags: `*` for everything, else tags separated by `||`.
    ///   - wait: how long the broker may hold the request when there is nothing.
    public func pull(
        _ queue: TopicQueue, from offset: Int64, messagesMax: Int = 32, tags: String = "*",
        wait: Duration = .zero
    ) async throws(ApusClientError) -> Page {
        let named = self.named(queue)
        let request = QueuePull(
            group: self.fullGroup, queue: named, offset: QueueOffset(offset),
            subscription: SubscriptionData(topic: named.topic, expression: tags),
            messagesMax: Int32(clamping: messagesMax), hold: wait)
        let what = "pulling \(queue) from \(offset)"
        let answer = try await self.ask(
            request.command, queue,
            accepting: [
                .success, .pullNotFound, .pullRetryImmediately, .pullOffsetMoved,
            ], timeout: wait + .seconds(8), during: what)
        switch PullAnswer(.success(answer), of: request) {
        case .found(let messages, let progress):
            return Page(
                ReceivedMessage.all(messages, in: self.connection.namespace), progress)
        case .nothing(let progress): return Page([], progress)
        case .moved(let progress): return Page([], progress, wasOutOfRange: true)
        case .refused(_, let remark): throw ApusClientError(.badAnswer, "\(what): \(remark)")
        case .failed(let failure):
            throw ApusClientError(.serverError, "\(what): \(failure.failure.reason)")
        }
    }
}

// MARK: - Offsets

extension PullConsumer {
    /// The oldest offset that the queue still has.
    public func minOffset(of queue: TopicQueue) async throws(ApusClientError) -> Int64 {
        try await self.offset(OffsetRequest.min(self.named(queue)), queue, "the smallest offset")
    }

    /// The offset that the queue's next message will get.
    public func maxOffset(of queue: TopicQueue) async throws(ApusClientError) -> Int64 {
        try await self.offset(OffsetRequest.max(self.named(queue)), queue, "the largest offset")
    }

    /// The first offset stored at `timestamp` (milliseconds since 1970) or later.
    public func offset(
        of queue: TopicQueue, at timestamp: Int64
    ) async throws(ApusClientError) -> Int64 {
        let time = Timestamp(milliseconds: timestamp)
        return try await self.offset(
            OffsetRequest.search(self.named(queue), time), queue, "the offset at \(timestamp)")
    }

    /// What the group has committed; nil if it never has.
    public func committedOffset(
        of queue: TopicQueue
    ) async throws(ApusClientError) -> Int64? {
        let what = "asking for the offset of group \(self.group) on \(queue)"
        let answer = try await self.ask(
            OffsetRequest.stored(self.fullGroup, self.named(queue)), queue,
            accepting: [.success, .queryNotFound], during: what)
        switch OffsetRequest.answer(.success(answer)) {
        case .offset(let offset): return offset.value
        case .none: return nil
        case .failed(let reason): throw ApusClientError(.badAnswer, "\(what): \(reason)")
        }
    }

    /// Sets the group's offset, forwards or backwards.
    public func commit(
        _ offset: Int64, of queue: TopicQueue
    ) async throws(ApusClientError) {
        _ = try await self.ask(
            OffsetRequest.commit(self.fullGroup, self.named(queue), QueueOffset(offset)), queue,
            during: "committing \(offset) for group \(self.group) on \(queue)")
    }

    private func offset(
        _ command: RemotingCommand, _ queue: TopicQueue, _ which: String
    ) async throws(ApusClientError) -> Int64 {
        let what = "asking for \(which) of \(queue)"
        let answer = try await self.ask(command, queue, during: what)
        guard case .offset(let offset) = OffsetRequest.answer(.success(answer)) else {
            throw ApusClientError(.badAnswer, "\(what): the answer has no offset")
        }
        return offset.value
    }
}

// MARK: - Routes

extension PullConsumer {
    /// Asks the queue's master. A failure that a stale route could explain is tried once more with
    /// a fresh one.
    private func ask(
        _ command: RemotingCommand, _ queue: TopicQueue,
        accepting: Set<ResponseCode> = [.success], timeout: Duration? = nil, during what: String
    ) async throws(ApusClientError) -> ReceivedCommand {
        let known = self.routes.withLock { $0[queue.topic] }?.address(of: queue.brokerName)
        do throws(ApusClientError) {
            return try await self.connection.call(
                command, to: try await self.address(of: queue), accepting: accepting,
                timeout: timeout, during: what)
        } catch {
            let mayBeStale: [ApusClientError.Code] = [.brokerUnreachable, .notPermitted]
            guard mayBeStale.contains(error.code) else { throw error }
            _ = try await self.freshRoute(of: queue.topic)
            let address = try await self.address(of: queue)
            guard address != known else { throw error }
            return try await self.connection.call(
                command, to: address, accepting: accepting, timeout: timeout, during: what)
        }
    }

    private func address(of queue: TopicQueue) async throws(ApusClientError) -> String {
        var route = self.routes.withLock { $0[queue.topic] }
        if route?.address(of: queue.brokerName) == nil {
            route = try await self.freshRoute(of: queue.topic)
        }
        guard let address = route?.address(of: queue.brokerName) else {
            throw ApusClientError(
                .noRoute, "the route of topic \(queue.topic) has no broker \(queue.brokerName)")
        }
        return address
    }

    private func named(_ queue: TopicQueue) -> MessageQueue {
        self.connection.namespace.full(queue.queue)
    }

    private func freshRoute(of topic: String) async throws(ApusClientError) -> TopicRoute {
        let route = try await self.connection.route(of: self.connection.namespace.full(topic))
        self.routes.withLock { $0[topic] = route }
        return route
    }
}

extension PullConsumer.Page {
    fileprivate init(
        _ messages: [ReceivedMessage], _ progress: PullAnswer.Progress,
        wasOutOfRange: Bool = false
    ) {
        self.messages = messages
        self.nextOffset = progress.next.value
        self.minOffset = progress.min.value
        self.maxOffset = progress.max.value
        self.wasOutOfRange = wasOutOfRange
    }
}
