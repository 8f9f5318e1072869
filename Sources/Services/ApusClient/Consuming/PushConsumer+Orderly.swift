import ClientCore
import ClientEngine
import Logging
import MessageFormat
import RemotingProtocol

// Consuming in order.
extension PushConsumer {
    /// Handles the messages of each queue one after the other, of up to `concurrency` queues at a
    /// time, until the consumer is closed or the calling task cancelled.
    ///
    /// The consumer locks its queues at their brokers, so that no other member of the group works
    /// on them, whatever happens to connections and masters. A message whose handler throws is
    /// handled again after a second, or after the time of the `SuspendQueue` thrown; the messages
    /// behind it wait. With `Options.attemptsMax` set it becomes one of the group's dead letters
    /// after so many attempts, and its queue goes on.
    ///
    /// A handler may be called again with a message whose handling had succeeded, when the lock
    /// ended meanwhile: always with the messages behind it, in their order.
    ///
    /// Must be the first thing that is done with the consumer: one that has been started otherwise
    /// keeps consuming without order, and this returns at once.
    public func runOrderly(
        concurrency: Int = 16, handler: @escaping @Sendable (ReceivedMessage) async throws -> Void
    ) async {
        await self.runOrderly(batchMax: 1, concurrency: concurrency) { messages in
            for message in messages { try await handler(message) }
        }
    }

    /// The same, with up to `batchMax` messages of one queue at a time. They succeed or fail
    /// together.
    public func runOrderly(
        batchMax: Int, concurrency: Int = 16,
        handler: @escaping @Sendable ([ReceivedMessage]) async throws -> Void
    ) async {
        var settings = OrderlyQueue<InboundMessage>.Settings()
        settings.batchMax = max(batchMax, 1)
        settings.attemptsMax = self.options.attemptsMax.map { max($0, 1) }
        guard self.loop.start(settings) else {
            return self.logger.error("a consumer that was started already cannot consume in order")
        }
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<max(concurrency, 1) {
                group.addTask { await self.handleBatches(with: handler) }
            }
        }
    }

    private func handleBatches(
        with handler: @Sendable ([ReceivedMessage]) async throws -> Void
    ) async {
        while case .batch(let batch)? = await self.loop.next() {
            let messages = ReceivedMessage.all(
                batch.messages, in: self.connection.namespace)
            let handlings = self.trace.map { trace in messages.map { trace.began($0) } } ?? []
            do {
                for message in messages { try message.checkBody() }
                try await handler(messages)
                self.loop.finished(batch, .success)
                for handling in handlings { self.trace?.ended(handling, .success) }
            } catch {
                self.logger.debug(
                    "a queue's handler failed",
                    metadata: ["queue": "\(TopicQueue(batch.queue))", "error": "\(error)"])
                for handling in handlings { self.trace?.ended(handling, .threw) }
                let time = (error as? SuspendQueue)?.time
                self.loop.finished(batch, .suspend(for: time), error: "\(error)")
            }
        }
    }
}

// Control.
extension PushConsumer {
    /// Hands out nothing and pulls nothing until `resume()`. What is out may be finished.
    public func suspend() { self.loop.control { engine, _ in engine.suspend() } }

    /// Goes on where `suspend` stopped.
    public func resume() { self.loop.control { engine, now in engine.resume(at: now) } }

    /// Whether `suspend` was called, and `resume` not yet.
    public var isSuspended: Bool { self.loop.ask { $0.isSuspended } }

    /// Asks the brokers whether they understand the SQL92 expressions of the subscriptions.
    ///
    /// - Throws: `invalidArgument` with the place of the mistake; what keeps the client from asking
    ///   otherwise.
    public func checkSubscriptions() async throws(ApusClientError) {
        for subscription in self.subscriptions
        where subscription.expressionType == SubscriptionData.sqlExpression {
            let what = "subscribing to topic \(subscription.topic)"
            let route = try await self.connection.route(of: subscription.topic)
            guard let address = route.masterAddresses.first ?? route.addresses.first else {
                throw ApusClientError(.noRoute, "\(what): no broker of the topic is there")
            }
            let request = MembershipRequest.check(
                subscription, clientID: self.clientID, group: self.group)
            _ = try await self.connection.call(request, to: address, during: what)
        }
    }
}
