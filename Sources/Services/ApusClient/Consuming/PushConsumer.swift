import ClientCore
import ClientEngine
import Logging
import MessageFormat
import RemotingProtocol
import RemotingTransport
import Synchronization

/// Where a group begins on a queue for which it has no offset yet.
public enum ConsumeFrom: Hashable, Sendable {
    /// The oldest message that is still there.
    case first
    /// Only what comes from now on.
    case last
    /// The first message stored at this time or later, in milliseconds since 1970.
    case timestamp(Int64)
}

/// Consumes as a member of a group: the group's members share the queues of its topics.
///
/// Messages are pulled ahead into bounded buffers. The group's offset moves only past acknowledged
/// messages, so a message is delivered at least once: again, possibly to another member, if its
/// consumer died or lost the queue before it acknowledged.
///
/// ```swift
/// let consumer = PushConsumer(
///     configuration, group: "billing", subscriptions: [Subscription(topic: "orders")])
/// try await consumer.run(concurrency: 16) { message in
///     try await bill(message)
/// }
/// ```
public final class PushConsumer: Sendable {
    /// Who gets a message.
    public enum Model: Sendable {
        /// Each message goes to one member.
        case clustering
        /// Each message goes to every member. Offsets are kept in `broadcastOffsetFile`, if at
        /// all; a message whose handling failed stays with this consumer.
        case broadcasting
    }

    /// How much is pulled ahead, how often, and what becomes of failures.
    public struct Options: Sendable {
        /// Where the group begins on a queue for which it has no offset yet.
        public var from = ConsumeFrom.last
        /// All members of a group must use the same.
        public var model = Model.clustering
        /// How members share the queues. All members must use the same.
        public var allocation = AllocationStrategy.average
        /// Messages of one queue that may be pulled and not yet acknowledged.
        public var bufferedMessagesMax = 1000
        /// The same, in bytes.
        public var bufferedBytesMax = 16 << 20
        /// How many messages one request to a broker brings at most.
        public var messagesPerPull = 32
        /// How long a broker holds a pull when there is nothing to deliver.
        public var hold: Duration = .seconds(15)
        /// How often offsets are told to the brokers, besides every pull.
        public var commitInterval: Duration = .seconds(5)
        /// How often queues are shared out again when nobody said that something changed.
        public var rebalanceInterval: Duration = .seconds(20)
        /// What becomes of a message whose handler threw.
        public var retry = RetryPolicy.growing
        /// After how many attempts a message becomes a dead letter. Nil: as the group's
        /// configuration says, usually 17 (16 retries); orderly consumption goes on without end.
        public var attemptsMax: Int?
        /// A message that is handled for longer than this is given back to its broker, whatever
        /// its handler does.
        public var handlingMax: Duration = .seconds(900)
        /// Where a broadcasting consumer keeps its offsets, so that it goes on where it was when
        /// it runs again. Nil: nowhere. Each consumer needs a file of its own.
        public var broadcastOffsetFile: String?
        /// In the order in which they are called.
        public var interceptors: [any ReceiveInterceptor] = []

        public init() {}
    }

    let options: Options
    let subscriptions: [SubscriptionData]
    let group: String
    let connection: ClientConnection
    let loop: ConsumerLoop
    let trace: ConsumerTrace?
    private let isClosed = Atomic<Bool>(false)

    /// Joins the group with `start`, or with the first iteration or run.
    public init(
        _ configuration: ApusClient.Configuration, group: String, subscriptions: [Subscription],
        options: Options = Options()
    ) {
        self.options = options
        let events = ConsumerEvents()
        self.connection = ClientConnection(
            configuration, onRequest: { events.received($0, on: $1) },
            onClosed: { events.closed($0) })
        let now = SystemClock.now()
        let namespace = self.connection.namespace
        let group = namespace.full(group)
        self.group = group
        self.trace = ConsumerTrace(configuration, group: group)
        self.subscriptions = subscriptions.map {
            $0.data(in: namespace, version: now.wall.milliseconds)
        }
        let keeper =
            options.model == .broadcasting
            ? options.broadcastOffsetFile.map { OffsetKeeper($0, configuration.logger) } : nil
        var settings = Self.engine(self.connection, group, self.subscriptions, options)
        settings.knownOffsets = keeper?.read() ?? [:]
        settings.keepsOffsets = keeper != nil
        self.loop = ConsumerLoop(
            self.connection, engine: ConsumerEngine(settings, at: now.tick), group: group,
            interceptors: options.interceptors, keeper: keeper)
        events.relay(to: self.loop)
    }

    deinit {
        if !self.isClosed.load(ordering: .relaxed) {
            let (loop, remoting) = (self.loop, self.connection.remoting)
            Task {
                await loop.close()
                await remoting.shutdown()
            }
        }
    }

    private static func engine(
        _ connection: ClientConnection, _ group: String, _ subscriptions: [SubscriptionData],
        _ options: Options
    ) -> ConsumerEngine.Configuration {
        let configuration = connection.configuration
        var engine = ConsumerEngine.Configuration(
            group: group, clientID: connection.identity.clientID,
            nameServers: configuration.nameServers, subscriptions: subscriptions)
        engine.model = options.model == .clustering ? .clustering : .broadcasting
        engine.start = StartingPoint(options.from)
        engine.allocation = options.allocation.allocation(in: connection.namespace)
        var retry = RetryRules()
        retry.retriesMax = RetryPolicy.retriesMax(attemptsMax: options.attemptsMax)
        retry.handlingMax = max(options.handlingMax, .seconds(1))
        engine.retry = retry
        engine.buffer.messagesMax = max(options.bufferedMessagesMax, 1)
        engine.buffer.bytesMax = max(options.bufferedBytesMax, 1)
        engine.messagesPerPull = Int32(clamping: max(options.messagesPerPull, 1))
        engine.hold = options.hold
        engine.pullTimeout = options.hold + .seconds(15)
        engine.callTimeout = configuration.requestTimeout
        engine.commitInterval = options.commitInterval
        engine.rebalanceInterval = options.rebalanceInterval
        engine.heartbeatInterval = configuration.consumerHeartbeatInterval
        engine.lease = configuration.consumerLease
        engine.routes.interval = configuration.routeInterval
        return engine
    }

    /// The id under which the group knows this consumer.
    public var clientID: String { self.connection.identity.clientID }

    var logger: Logger { self.connection.configuration.logger }

    /// The queues that are this consumer's at the moment, those of the group's retries included.
    public var assignedQueues: [TopicQueue] {
        self.loop.assignedQueues.map { TopicQueue(self.connection.namespace.bare($0)) }
    }
}

// MARK: - Consuming

extension PushConsumer {
    /// Joins the group. Iterating or running does it too.
    public func start() { self.loop.start() }

    /// The messages, as they come, each to one iterator. Acknowledge each when it is done with.
    ///
    /// Whoever takes nothing is sent nothing: buffers fill and pulling stops. Ends when the
    /// consumer is closed or the iterating task cancelled.
    public var messages: Messages { Messages(consumer: self) }

    /// The messages of a consumer. Never throws; ends when the consumer is closed.
    public struct Messages: AsyncSequence, Sendable {
        public typealias Element = Delivery
        public typealias Failure = Never

        let consumer: PushConsumer

        public func makeAsyncIterator() -> Iterator {
            self.consumer.start()
            return Iterator(consumer: self.consumer)
        }

        public struct Iterator: AsyncIteratorProtocol {
            let consumer: PushConsumer

            public func next() async -> Delivery? { await self.consumer.nextDelivery() }

            public func next(isolation actor: isolated (any Actor)?) async -> Delivery? {
                await self.consumer.nextDelivery()
            }
        }
    }

    private func nextDelivery() async -> Delivery? {
        guard case .message(let delivery)? = await self.loop.next() else { return nil }
        return Delivery(delivery, self)
    }

    /// Handles messages, `concurrency` at a time, until the consumer is closed or the calling task
    /// cancelled.
    ///
    /// A message whose handler returns is acknowledged. One whose handler throws is handled again
    /// as `Options.retry` says, with the error's text as the reason. Messages of one queue may be
    /// handled at the same time; with a concurrency of 1 they are handled in order, but for those
    /// that failed. Where that matters, use `runOrderly`.
    public func run(
        concurrency: Int = 16, handler: @escaping @Sendable (ReceivedMessage) async throws -> Void
    ) async {
        self.start()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<Swift.max(concurrency, 1) {
                group.addTask { await self.handle(with: handler) }
            }
        }
    }

    private func handle(
        with handler: @Sendable (ReceivedMessage) async throws -> Void
    ) async {
        for await delivery in self.messages {
            do {
                try delivery.message.checkBody()
                try await handler(delivery.message)
                delivery.acknowledge()
            } catch {
                self.logger.debug(
                    "a message's handler failed",
                    metadata: [
                        "message": "\(delivery.message.messageID)", "error": "\(error)",
                        "delivery": "\(delivery.deliveryCount)",
                    ])
                delivery.retry(because: "\(error)")
            }
        }
    }

    /// Ends the sequence of messages, commits the offsets, leaves the group and closes the
    /// connections. What was not acknowledged goes to the group's other members.
    public func close() async {
        guard !self.isClosed.exchange(true, ordering: .relaxed) else { return }
        await self.loop.close()
        await self.trace?.close()
        await self.connection.remoting.shutdown()
    }
}

extension StartingPoint {
    init(_ from: ConsumeFrom) {
        switch from {
        case .first: self = .first
        case .last: self = .last
        case .timestamp(let milliseconds): self = .time(Timestamp(milliseconds: milliseconds))
        }
    }
}
