import ClientCore
import ClientEngine
import MessageFormat
import RemotingProtocol
import RemotingTransport
import Synchronization

/// Pulls ahead in the background, and gives messages out when it is asked.
///
/// It takes its share of a group's queues (`subscribe`), or exactly the queues that it is told
/// (`assign`). What a `poll` brought counts as done with at the next `poll`.
///
/// ```swift
/// let consumer = LitePullConsumer(configuration, group: "audit", .subscribe([orders]))
/// while let messages = await consumer.poll() {
///     for message in messages { audit(message) }
/// }
/// ```
public final class LitePullConsumer: Sendable {
    /// What is read.
    public enum Source: Sendable {
        /// This member's share of the topics' queues.
        case subscribe([Subscription])
        /// These queues, whoever else reads them in the group's name.
        case assign([TopicQueue])
    }

    /// How much is pulled ahead, and when it counts as done with.
    public struct Options: Sendable {
        /// Where a group begins on a queue for which it has no offset yet.
        public var from = ConsumeFrom.last
        /// How members share queues, for `subscribe`. All members must use the same.
        public var allocation = AllocationStrategy.average
        /// Messages of one queue that may be pulled and not yet done with.
        public var bufferedMessagesMax = 1000
        /// The same, in bytes.
        public var bufferedBytesMax = 16 << 20
        /// How many messages one request to a broker brings at most.
        public var messagesPerPull = 32
        /// How many messages one `poll` brings at most.
        public var pollMessagesMax = 10
        /// Whether what was polled is done with at the next `poll`. Else `commit()` says it.
        public var autoCommit = true
        /// How often offsets are told to the brokers.
        public var commitInterval: Duration = .seconds(5)

        public init() {}
    }

    private struct Out {
        var deliveries: [ConsumerEngine.Delivery] = []
    }

    private let options: Options
    private let connection: ClientConnection
    private let loop: ConsumerLoop
    private let out = Mutex(Out())
    private let isClosed = Atomic<Bool>(false)

    /// Joins the group and begins to pull at once.
    public init(
        _ configuration: ApusClient.Configuration, group: String, _ source: Source,
        options: Options = Options()
    ) {
        self.options = options
        let events = ConsumerEvents()
        self.connection = ClientConnection(
            configuration, onRequest: { events.received($0, on: $1) },
            onClosed: { events.closed($0) })
        let now = SystemClock.now()
        let group = self.connection.namespace.full(group)
        let engine = ConsumerEngine(
            Self.engine(self.connection, group, source, options, now), at: now.tick)
        self.loop = ConsumerLoop(
            self.connection, engine: engine, group: group, interceptors: [])
        events.relay(to: self.loop)
        self.loop.start()
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
        _ connection: ClientConnection, _ group: String, _ source: Source, _ options: Options,
        _ now: Now
    ) -> ConsumerEngine.Configuration {
        let configuration = connection.configuration
        var engine = ConsumerEngine.Configuration(
            group: group, clientID: connection.identity.clientID,
            nameServers: configuration.nameServers,
            subscriptions: source.subscriptions.map {
                $0.data(in: connection.namespace, version: now.wall.milliseconds)
            })
        if case .assign(let queues) = source {
            engine.queuesByHand = Set(queues.map { connection.namespace.full($0.queue) })
        }
        engine.start = StartingPoint(options.from)
        engine.allocation = options.allocation.allocation(in: connection.namespace)
        engine.buffer.messagesMax = max(options.bufferedMessagesMax, 1)
        engine.buffer.bytesMax = max(options.bufferedBytesMax, 1)
        engine.messagesPerPull = Int32(clamping: max(options.messagesPerPull, 1))
        engine.callTimeout = configuration.requestTimeout
        engine.commitInterval = options.commitInterval
        engine.heartbeatInterval = configuration.consumerHeartbeatInterval
        engine.lease = configuration.consumerLease
        engine.routes.interval = configuration.routeInterval
        return engine
    }

    /// Tells the offsets to the brokers, leaves the group and closes the connections. What the
    /// last `poll` brought does not count as done with.
    public func close() async {
        guard !self.isClosed.exchange(true, ordering: .relaxed) else { return }
        await self.loop.close()
        await self.connection.remoting.shutdown()
    }
}

// MARK: - Reading

extension LitePullConsumer {
    /// The next messages, queues in turn and each queue in its order. Waits up to `timeout` for
    /// the first; empty if none came. Nil when the consumer is closed.
    ///
    /// Not to be called by several tasks at once.
    public func poll(timeout: Duration = .seconds(5)) async -> [ReceivedMessage]? {
        if self.options.autoCommit { self.finishPolled() }
        guard let first = await self.firstDelivery(within: timeout) else {
            return self.isClosed.load(ordering: .relaxed) || Task.isCancelled ? nil : []
        }
        var deliveries = [first]
        while deliveries.count < self.options.pollMessagesMax,
            case .message(let next)? = self.loop.takeNow()
        {
            deliveries.append(next)
        }
        self.out.withLock { $0.deliveries += deliveries }
        return ReceivedMessage.all(deliveries.map(\.message), in: self.connection.namespace)
    }

    private func firstDelivery(within timeout: Duration) async -> ConsumerEngine.Delivery? {
        if case .message(let delivery)? = self.loop.takeNow() { return delivery }
        return await withTaskGroup(of: ConsumerEngine.Delivery?.self) { group in
            group.addTask {
                guard case .message(let delivery)? = await self.loop.next() else { return nil }
                return delivery
            }
            group.addTask {
                try? await Task.sleep(for: timeout)
                return nil
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            // A message may have come while the time ran out.
            let second = await group.next() ?? nil
            return first ?? second
        }
    }

    private func finishPolled() {
        let deliveries = self.out.withLock { out in
            let deliveries = out.deliveries
            out.deliveries = []
            return deliveries
        }
        for delivery in deliveries {
            _ = self.loop.acknowledge(delivery.message.queueOffset, of: delivery.assignment)
        }
    }

    /// All that was polled is done with, and the brokers are told soon.
    public func commit() {
        self.finishPolled()
        self.loop.control { engine, now in engine.commitNow(at: now) }
    }
}

// MARK: - Queues

extension LitePullConsumer {
    /// The queues that are read at the moment.
    public var assignedQueues: [TopicQueue] {
        self.loop.assignedQueues.map { TopicQueue(self.connection.namespace.bare($0)) }
    }

    private func named(_ queue: TopicQueue) -> MessageQueue {
        self.connection.namespace.full(queue.queue)
    }

    /// Goes on reading at `offset`. False if the queue is not read by this consumer.
    @discardableResult
    public func seek(_ queue: TopicQueue, to offset: Int64) -> Bool {
        var isDone = false
        self.loop.control { engine, now in
            isDone = engine.seek(self.named(queue), to: QueueOffset(offset), at: now)
        }
        return isDone
    }

    /// Nothing of these queues is pulled or given out until they are resumed.
    public func pause(_ queues: [TopicQueue]) {
        self.loop.control { engine, _ in engine.pause(Set(queues.map(self.named))) }
    }

    /// Goes on where `pause` stopped.
    public func resume(_ queues: [TopicQueue]) {
        self.loop.control { engine, now in engine.resume(Set(queues.map(self.named)), at: now) }
    }

    /// Everything before it is done with. Nil if the queue is not read, or not yet.
    public func position(of queue: TopicQueue) -> Int64? {
        self.loop.ask { $0.position(of: self.named(queue)) }?.done.value
    }
}

extension LitePullConsumer.Source {
    fileprivate var subscriptions: [Subscription] {
        switch self {
        case .subscribe(let subscriptions): subscriptions
        case .assign(let queues): Set(queues.map(\.topic)).sorted().map { Subscription(topic: $0) }
        }
    }
}
