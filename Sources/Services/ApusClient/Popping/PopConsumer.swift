import ClientCore
import ClientEngine
import Logging

/// Runs a handler over the messages of a group, several at once.
///
/// A message is acknowledged when its handler returns. While it runs the message stays hidden from
/// others. When it throws, the message comes again after a while that grows with each delivery: 10
/// seconds, 30, 1 minute … 2 hours; after `Options.deliveriesMax` deliveries it goes to the group's
/// dead letters.
///
/// ```swift
/// let consumer = PopConsumer(
///     configuration, group: "billing", subscriptions: [Subscription(topic: "orders")])
/// try await consumer.run(concurrency: 16) { message in
///     try await bill(message)
/// }
/// ```
public final class PopConsumer: Sendable {
    /// How long messages stay hidden, and what becomes of failures.
    public struct Options: Sendable {
        /// Where the group begins on a queue for which it has no offset yet: `first`, or else only
        /// what comes from then on.
        public var from = ConsumeFrom.last
        /// How long a message stays hidden while nothing is heard of this process and its death
        /// cannot be seen: after a failover. Renewed while its handler runs. Else messages come again
        /// as soon as the connection closes, or when `ApusClient.Configuration.consumerLease` ends.
        public var invisible: Duration = .seconds(10)
        /// Before each redelivery; the last one counts for all later ones, too.
        public var retryDelays: [Duration] = PopConsumer.retryDelays
        /// Handlers that throw so often lose their message to the dead letters.
        public var deliveriesMax = 17
        /// How long brokers hold a question when there is nothing to deliver.
        public var wait: Duration = .seconds(15)

        public init() {}
    }

    private let options: Options
    private let consumer: SimpleConsumer
    private let trace: ConsumerTrace?
    private let logger: Logger

    /// Asks for nothing before `run`.
    public init(
        _ configuration: ApusClient.Configuration, group: String, subscriptions: [Subscription],
        options: Options = Options()
    ) {
        self.options = options
        self.logger = configuration.logger
        self.trace = ConsumerTrace(configuration, group: group)
        var simple = SimpleConsumer.Options()
        simple.from = options.from
        simple.returnsOnClose = true
        self.consumer = SimpleConsumer(
            configuration, group: group, subscriptions: subscriptions, options: simple)
    }

    /// The protocol's: 10 seconds to 2 hours in 16 steps.
    public static let retryDelays: [Duration] = PopRetry.delays

    /// The id under which servers know this consumer.
    public var clientID: String { self.consumer.clientID }

    /// Leaves the group and closes the connections. End `run` first, by cancelling its task.
    public func close() async {
        await self.consumer.close()
        await self.trace?.close()
    }
}

extension PopConsumer {
    /// Until the task is cancelled: then no new messages are taken, running handlers are told to
    /// stop and waited for, and the call returns.
    public func run(
        concurrency: Int = 8,
        _ handler: @escaping @Sendable (ReceivedMessage) async throws -> Void
    ) async throws(ApusClientError) {
        precondition(concurrency > 0, "somebody must do the work")
        let places = WorkPlaces(concurrency)
        let problem = await withDiscardingTaskGroup { tasks -> ApusClientError? in
            while !Task.isCancelled {
                let free = await places.free()
                do throws(ApusClientError) {
                    let received = try await self.consumer.receive(
                        max: min(free, 32), invisible: self.options.invisible,
                        wait: self.options.wait)
                    places.take(received.count)
                    for message in received {
                        tasks.addTask {
                            await self.handle(message, handler)
                            places.leave()
                        }
                    }
                } catch {
                    guard await self.survives(error) else { return error }
                }
            }
            return nil
        }
        if let problem, problem.code != .cancelled { throw problem }
    }

    /// What passes is waited for; what no time heals ends the run.
    private func survives(_ error: ApusClientError) async -> Bool {
        switch error.code {
        case .closed, .cancelled, .invalidArgument: return false
        default:
            self.logger.warning(
                "messages cannot be received now", metadata: ["error": "\(error)"])
            try? await Task.sleep(for: .seconds(1))
            return true
        }
    }

    private func handle(
        _ received: HiddenMessage,
        _ handler: @escaping @Sendable (ReceivedMessage) async throws -> Void
    ) async {
        let hold = HiddenHold(received)
        let handling = self.trace?.began(received.message)
        let isDone = await withTaskGroup(of: Bool?.self) { tasks in
            tasks.addTask { await self.keepHidden(hold) }
            tasks.addTask {
                do {
                    try received.message.checkBody()
                    try await handler(received.message)
                    return true
                } catch {
                    self.logger.warning(
                        "a message's handler failed",
                        metadata: [
                            "message": "\(received.message.messageID)", "error": "\(error)",
                        ])
                    return false
                }
            }
            var isDone = false
            while let ended = await tasks.next() {
                guard let ended else { continue }
                isDone = ended
                tasks.cancelAll()
            }
            return isDone
        }
        self.trace?.ended(handling, isDone ? .success : .threw)
        await self.settle(hold.current, isDone: isDone)
    }

    /// Runs beside the handler. A failure is no reason to stop it: if the time is over, another
    /// consumer gets the message too.
    private func keepHidden(_ hold: HiddenHold) async -> Bool? {
        while true {
            do {
                try await Task.sleep(for: self.options.invisible / 3)
                let renewed = try await self.consumer.hide(
                    hold.current, for: self.options.invisible, returnsOnClose: true)
                hold.renew(renewed)
            } catch {
                if Task.isCancelled { return nil }
                self.logger.warning(
                    "a message could not be kept hidden", metadata: ["error": "\(error)"])
            }
        }
    }

    /// A cancelled run still says what became of its messages.
    private func settle(_ received: HiddenMessage, isDone: Bool) async {
        let (consumer, options, logger) = (self.consumer, self.options, self.logger)
        let isCancelled = Task.isCancelled
        await Task {
            do throws(ApusClientError) {
                if isDone {
                    try await consumer.ack(received)
                } else if isCancelled {
                    try await consumer.hide(received, for: .zero, returnsOnClose: false)
                } else if received.message.reconsumeTimes + 1 >= options.deliveriesMax {
                    try await consumer.deadLetter(received)
                    try await consumer.ack(received)
                } else {
                    let delay = PopRetry.delay(
                        after: received.message.reconsumeTimes, of: options.retryDelays)
                    // Nobody works on it: the delay holds whatever becomes of this process.
                    try await consumer.hide(received, for: delay, returnsOnClose: false)
                }
            } catch {
                logger.warning(
                    "a message comes again: its end could not be told",
                    metadata: [
                        "message": "\(received.message.messageID)", "error": "\(error)",
                    ])
            }
        }.value
    }
}
