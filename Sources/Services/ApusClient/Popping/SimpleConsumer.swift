import ClientCore
import ClientEngine
import MessageFormat
import NIOCore
import RemotingProtocol
import RemotingTransport
import Synchronization

/// Receives messages one call at a time, without owning queues: any number of consumers share a
/// topic, more than it has queues, too.
///
/// A received message is hidden from the group's other consumers for its invisible time. Who is
/// done acknowledges it; who needs longer changes the time; who does neither leaves it to another.
/// So a message is delivered at least once.
///
/// ```swift
/// let consumer = SimpleConsumer(
///     configuration, group: "billing", subscriptions: [Subscription(topic: "orders")])
/// for received in try await consumer.receive(max: 16, invisible: .seconds(30)) {
///     try await bill(received.message)
///     try await consumer.ack(received)
/// }
/// ```
///
/// The order of messages is not kept. `PopConsumer` runs a handler over it.
public final class SimpleConsumer: Sendable {
    /// Where to begin, and how patiently to settle.
    public struct Options: Sendable {
        /// Where the group begins on a queue for which it has no offset yet: `first`, or else only
        /// what comes from then on.
        public var from = ConsumeFrom.last
        /// How long an acknowledgement, or a change of the invisible time, may be tried.
        public var settleDeadline: Duration = .seconds(10)
        /// Whether what was received and not acknowledged comes again at once when this process dies:
        /// when its connection closes, or when it was silent for its lease. Else it comes again when
        /// its invisible time is over: leave it so if handles are passed on to other processes.
        public var returnsOnClose = false

        public init() {}
    }

    let options: Options
    let group: String
    private let connection: ClientConnection
    private let loop: PopLoop
    private let isClosed = Atomic<Bool>(false)

    /// Asks for nothing before `receive`.
    public init(
        _ configuration: ApusClient.Configuration, group: String, subscriptions: [Subscription],
        options: Options = Options()
    ) {
        self.options = options
        let events = PopEvents()
        self.connection = ClientConnection(
            configuration, onRequest: { events.received($0, on: $1) },
            onClosed: { events.closed($0) })
        let group = self.connection.namespace.full(group)
        self.group = group
        self.loop = PopLoop(
            self.connection,
            engine: Self.engine(self.connection, group, subscriptions, options))
        events.relay(to: self.loop)
    }

    deinit {
        if !self.isClosed.load(ordering: .relaxed) {
            let (loop, remoting) = (self.loop, self.connection.remoting)
            Task {
                await withCheckedContinuation { loop.post(.close($0)) }
                await remoting.shutdown()
            }
        }
    }

    private static func engine(
        _ connection: ClientConnection, _ group: String, _ subscriptions: [Subscription],
        _ options: Options
    ) -> PopEngine {
        let configuration = connection.configuration
        let version = SystemClock.wall().milliseconds
        var engine = PopEngine.Configuration(
            group: group, clientID: connection.identity.clientID,
            nameServers: configuration.nameServers,
            subscriptions: subscriptions.map {
                $0.data(in: connection.namespace, version: version)
            })
        engine.startsAtFirst = options.from == .first
        engine.routes.interval = configuration.routeInterval
        engine.heartbeatInterval = configuration.consumerHeartbeatInterval
        engine.lease = configuration.consumerLease
        engine.returnsOnClose = options.returnsOnClose
        engine.settlementTimeout = configuration.requestTimeout
        return PopEngine(engine)
    }

    /// The id under which servers know this consumer.
    public var clientID: String { self.connection.identity.clientID }

    /// Leaves the group and closes the connections. Calls that are under way fail; what was
    /// received and not acknowledged comes again when its invisible time is over, or at once with
    /// `Options.returnsOnClose`.
    public func close() async {
        guard !self.isClosed.exchange(true, ordering: .relaxed) else { return }
        await withCheckedContinuation { self.loop.post(.close($0)) }
        await self.connection.remoting.shutdown()
    }
}

// MARK: - Receiving and settling

extension SimpleConsumer {
    /// Up to `max` messages (at most 32), each hidden for `invisible` from now on; none if none
    /// came within `wait`.
    public nonisolated(nonsending) func receive(
        max: Int = 32, invisible: Duration = .seconds(60), wait: Duration = .seconds(15)
    ) async throws(ApusClientError) -> [HiddenMessage] {
        guard max > 0, invisible > .zero, wait >= .zero else {
            throw ApusClientError(
                .invalidArgument, "messages, their invisible time and the wait cannot be negative")
        }
        let id = self.loop.newID()
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                self.loop.post(
                    .receive(
                        id, messagesMax: max, invisible: invisible, wait: wait, continuation))
                if Task.isCancelled { self.loop.post(.cancel(id)) }
            }
        } onCancel: {
            self.loop.post(.cancel(id))
        }
        switch result {
        case .success(let messages):
            return messages.map {
                HiddenMessage($0, in: self.connection.namespace)
            }
        case .failure(let failure):
            throw ApusClientError(failure, during: "receiving for group \(self.group)")
        }
    }

    /// The message is done with: nobody gets it again.
    ///
    /// - Throws: if the broker did not confirm it. Then the message may come again.
    public nonisolated(nonsending) func ack(
        _ received: HiddenMessage
    ) async throws(ApusClientError) {
        try await self.ack([received])
    }

    /// The messages are done with; those of one broker in one request.
    ///
    /// - Throws: if a broker did not confirm it. Then its messages may come again.
    public nonisolated(nonsending) func ack(
        _ received: [HiddenMessage]
    ) async throws(ApusClientError) {
        let brokers = Dictionary(grouping: received.map(\.ticket), by: \.brokerName)
        var problem: ApusClientError?
        for (_, tickets) in brokers.sorted(by: { $0.key < $1.key }) {
            do throws(ApusClientError) {
                _ = try await self.settle(.acknowledge(tickets), "acknowledging")
            } catch {
                problem = error
            }
        }
        if let problem { throw problem }
    }

    /// The message stays hidden for so long from now on, or comes back then: also a way to give it
    /// back early. What is returned replaces the message in later calls.
    @discardableResult
    public nonisolated(nonsending) func changeInvisible(
        _ received: HiddenMessage, to time: Duration
    ) async throws(ApusClientError) -> HiddenMessage {
        try await self.hide(received, for: time, returnsOnClose: self.options.returnsOnClose)
    }

    /// - Parameter returnsOnClose: this consumer still works on it. Else it waits for nobody.
    @discardableResult
    nonisolated(nonsending) func hide(
        _ received: HiddenMessage, for time: Duration, returnsOnClose: Bool
    ) async throws(ApusClientError) -> HiddenMessage {
        let milliseconds = Swift.max(1, Tick(time).nanoseconds / 1_000_000)
        let ticket = try await self.settle(
            .hide(received.ticket, milliseconds: milliseconds, returnsOnClose: returnsOnClose),
            "changing the invisible time")
        return HiddenMessage(received.message, ticket ?? received.ticket)
    }

    /// Copies the message to the group's dead letters. It must be acknowledged afterwards.
    nonisolated(nonsending) func deadLetter(
        _ received: HiddenMessage
    ) async throws(ApusClientError) {
        let message = received.message
        _ = try await self.settle(
            .deadLetter(
                received.ticket, physicalOffset: message.inbound.physicalOffset,
                messageID: message.messageID), "moving to the dead letters")
    }

    private nonisolated(nonsending) func settle(
        _ settlement: PopSettlement, _ what: String
    ) async throws(ApusClientError) -> PopTicket? {
        let result = await withCheckedContinuation { continuation in
            self.loop.post(
                .settle(
                    self.loop.newID(), settlement, within: self.options.settleDeadline,
                    continuation))
        }
        switch result {
        case .success(let ticket): return ticket
        case .failure(let failure):
            throw ApusClientError(failure, during: "\(what) for group \(self.group)")
        }
    }
}

extension ApusClientError {
    fileprivate init(_ failure: PopFailure, during what: String) {
        switch failure.cause {
        case .attempt(let attempt):
            var code: Int?
            if case .answered(let answered) = attempt.kind { code = Int(answered) }
            self.init(
                Code(attempt.kind), "\(what) at \(failure.place): \(attempt.reason)",
                responseCode: code)
        case .topicNotFound:
            self.init(.topicNotFound, "\(what): no name server knows topic \(failure.place)")
        case .noRoute:
            self.init(.noRoute, "\(what): \(failure.place) has no master now")
        case .noNameServer(let reason):
            self.init(
                .nameServerUnreachable, "\(what): no name server could be asked: \(reason)")
        case .closed: self.init(.closed, "\(what): the consumer was closed")
        }
    }
}
