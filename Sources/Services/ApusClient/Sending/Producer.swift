import ClientCore
import ClientEngine
import MessageFormat
import NIOCore
import RemotingTransport
import Synchronization

/// Sends messages.
///
/// A send that returns has been stored as durably as its broker promises. A send that throws says
/// in `mayHaveBeenStored` whether consumers may see the message nevertheless. Attempts that fail
/// are repeated, with another broker if there is one, until the deadline is over; a message can
/// therefore be stored twice, with the same `messageID`.
///
/// One producer can be used from any number of tasks. Close it when done.
public final class Producer: Sendable {
    /// How patiently and how often a message is sent, and what is promised of it.
    public struct Options: Sendable {
        /// The producer group, as servers and tools show it.
        public var group = "APUS_PRODUCER"
        /// For one send, all attempts and waits included.
        public var deadline: Duration = .seconds(10)
        /// For one attempt: what a broker that hangs may cost.
        public var attemptTimeout: Duration = .seconds(3)
        /// For one send. The deadline usually comes first.
        public var attemptsMax = 32
        /// Off, an attempt whose outcome is unknown is not repeated: each message is stored at
        /// most once instead of at least once.
        public var repeatsUnknown = true
        /// Messages that may be under way at once. `enqueue` and `send` wait while it is full.
        public var inFlightMax = 4096
        /// The same, in bytes.
        public var inFlightBytesMax = 64 << 20
        /// In the order in which they are called.
        public var interceptors: [any SendInterceptor] = []
        /// Whether brokers recognize repetitions, so that each message is stored once however often
        /// it was sent. A message that may be stored already is then repeated to its own queue
        /// only: while that queue's broker group has no master, it waits.
        ///
        /// Off by default: it makes messages some 100 bytes larger, and a producer that may repeat
        /// elsewhere gets through when a group is gone as a whole. `SequenceNumberer` is not needed
        /// beside it and left out: the numbers are the same.
        public var isIdempotent = false
        /// Bodies of so many bytes or more are compressed with zlib, if that makes them smaller.
        /// Nil: none are. Those of batches never are.
        public var compressedBytesMin: Int? = 4096
        /// From 1, fast, to 9, small.
        public var compressionLevel = 5
        /// Asked how a transaction ended when a broker wants to know and nobody here remembers.
        /// Needed for `sendInTransaction`.
        public var transactionChecker: TransactionChecker?
        /// Transactions that may be under way at once.
        public var transactionsMax = 1024
        /// Keeps what cannot be sent on this machine's disk until it can. Nil: there is no spool.
        public var spool: SpoolOptions?

        public init() {}
    }

    let options: Options
    let window: InFlightWindow
    let transactions: InFlightWindow
    let connection: ClientConnection
    let loop: ProducerLoop
    private let ids: Mutex<MessageIDGenerator>
    private let lastSend = Atomic<UInt64>(0)
    private let isClosed = Atomic<Bool>(false)

    /// Connects with the first send or `prepare`. With a spool, its directory is opened at once.
    public init(_ configuration: ApusClient.Configuration, options: Options = Options()) {
        var options = options
        options.group = Namespace(configuration.namespace).full(options.group)
        self.options = options
        self.window = InFlightWindow(
            countMax: options.inFlightMax, bytesMax: options.inFlightBytesMax)
        self.transactions = InFlightWindow(
            countMax: options.transactionsMax, bytesMax: .max)
        let events = ProducerEvents()
        let connection = ClientConnection(
            configuration, onRequest: { events.received($0, on: $1) },
            onClosed: { events.closed($0) })
        self.connection = connection
        self.ids = Mutex(
            MessageIDGenerator(
                ip: connection.identity.ip, processID: connection.identity.processID,
                instance: connection.identity.instance))
        self.loop = ProducerLoop(
            connection, engine: Self.engine(connection, options), window: self.window,
            options: options)
        events.relay(to: self.loop)
        self.loop.openSpool()
    }

    deinit {
        if !self.isClosed.load(ordering: .relaxed) {
            self.loop.post(.close)
            let remoting = self.connection.remoting
            Task { await remoting.shutdown() }
        }
    }

    private static func engine(
        _ connection: ClientConnection, _ options: Options
    ) -> ProducerEngine {
        let identity = connection.identity
        var engine = ProducerEngine.Configuration(
            group: options.group, clientID: identity.clientID,
            nameServers: connection.configuration.nameServers)
        engine.policy.deadline = options.deadline
        engine.policy.attemptTimeout = options.attemptTimeout
        engine.policy.attemptsMax = options.attemptsMax
        engine.policy.repeatsUnknown = options.repeatsUnknown
        engine.routes.interval = connection.configuration.routeInterval
        engine.heartbeatInterval = connection.configuration.heartbeatInterval
        engine.firstQueue = Int(identity.instance)
        engine.session = "\(identity.clientID)-\(UInt32.random(in: .min ... .max))"
        engine.isIdempotent = options.isIdempotent
        return ProducerEngine(engine)
    }

    /// The id under which servers know this producer.
    public var clientID: String { self.connection.identity.clientID }
}

// MARK: - Sending

extension Producer {
    /// Sends a message and waits until it is stored.
    @discardableResult
    public nonisolated(nonsending) func send(
        _ message: Message, to selection: QueueSelection = .roundRobin, deadline: Duration? = nil
    ) async throws(ApusClientError) -> SendReceipt {
        try await self.enqueue(message, to: selection, deadline: deadline).receipt
    }

    /// Hands a message over and returns at once, or as soon as the in-flight window has room.
    ///
    /// Messages leave in the order of the calls. The ticket has the receipt later; whoever does not
    /// ask for it does not learn whether the message was stored.
    public nonisolated(nonsending) func enqueue(
        _ message: Message, to selection: QueueSelection = .roundRobin, deadline: Duration? = nil
    ) async throws(ApusClientError) -> SendTicket {
        let outgoing = try self.outgoing(message, selection)
        return try await self.hand(
            OutgoingSend(
                topic: self.fullName(message.topic), messages: [outgoing], kind: message.kind,
                placement: self.placement(selection)),
            bytes: message.bytes, deadline: deadline)
    }

    /// Sends messages of one topic as one request: they are stored together, one after the other
    /// on one queue, or not at all.
    @discardableResult
    public nonisolated(nonsending) func sendBatch(
        _ messages: [Message], to selection: QueueSelection = .roundRobin,
        deadline: Duration? = nil
    ) async throws(ApusClientError) -> [SendReceipt] {
        guard let topic = messages.first?.topic else { return [] }
        guard messages.allSatisfy({ $0.topic == topic }) else {
            throw ApusClientError(
                .invalidArgument, "the messages of a batch must have one topic")
        }
        guard messages.allSatisfy({ $0.delay == nil }) else {
            throw ApusClientError(.invalidArgument, "the messages of a batch cannot be delayed")
        }
        var outgoing: [OutgoingMessage] = []
        for message in messages {
            outgoing.append(
                try self.named(message).outgoing(
                    id: self.newID(), shardingKey: selection.shardingKey))
        }
        let bytes = messages.reduce(0) { $0 + $1.bytes }
        guard bytes <= Message.bodyBytesMax else {
            throw ApusClientError(
                .messageRefused,
                "the batch takes \(bytes) bytes, at most \(Message.bodyBytesMax) are allowed")
        }
        let ticket = try await self.hand(
            OutgoingSend(
                topic: self.fullName(topic), messages: outgoing, isBatch: true,
                placement: self.placement(selection)),
            bytes: bytes, deadline: deadline)
        return try await ticket.receipts
    }

    /// Sends a message without asking for an answer. Returns when it was handed to a connection;
    /// nobody learns whether it was stored.
    public nonisolated(nonsending) func sendOneWay(
        _ message: Message, to selection: QueueSelection = .roundRobin
    ) async throws(ApusClientError) {
        let outgoing = try self.outgoing(message, selection)
        let ticket = try await self.hand(
            OutgoingSend(
                topic: self.fullName(message.topic), messages: [outgoing], kind: message.kind,
                placement: self.placement(selection), isOneWay: true),
            bytes: message.bytes, deadline: nil)
        _ = try await ticket.receipts
    }

    /// Looks a topic's route up and connects before the first send has to wait for it.
    public func prepare(topic: String) { self.loop.post(.prepare(topic: self.fullName(topic))) }

    /// Waits for what is under way (each send ends by its deadline), tells the brokers, and closes
    /// the connections. Later sends fail.
    public func close() async {
        guard !self.isClosed.exchange(true, ordering: .relaxed) else { return }
        self.transactions.close()
        await self.transactions.untilIdle()
        self.window.close()
        await self.window.untilIdle()
        self.loop.post(.close)
        // The goodbyes leave before the connections close: both happen on the loop, in order.
        try? await self.connection.eventLoop.submit {}.get()
        await self.loop.closeSpool()
        await self.loop.trace?.close()
        await self.connection.remoting.shutdown()
    }

    func outgoing(
        _ message: Message, _ selection: QueueSelection
    ) throws(ApusClientError) -> OutgoingMessage {
        let compression = self.options.compressedBytesMin.map {
            BodyCompressionRule(bytesMin: $0, level: self.options.compressionLevel)
        }
        return try self.named(message).outgoing(
            id: self.newID(), shardingKey: selection.shardingKey, compression)
    }

    /// A topic's name at the brokers.
    func fullName(_ topic: String) -> String { self.connection.namespace.full(topic) }

    private func named(_ message: Message) -> Message {
        guard let namespace = self.connection.namespace.name else { return message }
        var message = message
        message.properties[PropertyName.instanceID] = namespace
        return message
    }

    func placement(_ selection: QueueSelection) -> OutgoingSend.Placement {
        switch selection {
        case .roundRobin: .anyQueue
        case .queue(let queue): .queue(self.connection.namespace.full(queue.queue))
        case .hash(let shardingKey): .key(shardingKey)
        }
    }

    func newID() -> String {
        let now = SystemClock.wall()
        return self.ids.withLock { $0.next(at: now) }
    }

    nonisolated(nonsending) func hand(
        _ send: OutgoingSend, bytes: Int, deadline: Duration?
    ) async throws(ApusClientError) -> SendTicket {
        try await self.window.enter(bytes: bytes)
        let id = SendID(self.lastSend.wrappingAdd(1, ordering: .relaxed).newValue)
        let ticket = SendTicket(messageIDs: send.messages.map(\.uniqueKey), bytes: bytes)
        self.loop.post(.send(id, send, deadline: deadline, ticket))
        return ticket
    }
}

extension Message {
    fileprivate var kind: OutgoingSend.Kind { self.delay == nil ? .plain : .delayed }
}

extension QueueSelection {
    fileprivate var shardingKey: String? {
        if case .hash(let shardingKey) = self { shardingKey } else { nil }
    }
}

/// Runs `body` with a producer and closes it afterwards, whatever happened.
@discardableResult
public func withProducer<Success>(
    _ configuration: ApusClient.Configuration, options: Producer.Options = Producer.Options(),
    _ body: (Producer) async throws -> Success
) async rethrows -> Success {
    let producer = Producer(configuration, options: options)
    do {
        let result = try await body(producer)
        await producer.close()
        return result
    } catch {
        await producer.close()
        throw error
    }
}
