import ApusClient

/// An order that can never be billed.
struct NoSuchCustomer: Error {}

/// Bills orders until the task is cancelled.
///
/// What the handler throws for goes back to the broker, which delivers it again to any member of
/// the group: after 10 s, 30 s, 1 min and so on. After three attempts it becomes one of the
/// group's dead letters, and the error's text is kept with it.
func billOrders(
    _ configuration: ApusClient.Configuration,
    bill: @escaping @Sendable (ReceivedMessage) async throws -> Void
) async {
    var options = PushConsumer.Options()
    options.from = .first
    options.attemptsMax = 3
    let consumer = PushConsumer(
        configuration, group: "billing", subscriptions: [Subscription(topic: "orders")],
        options: options)
    await consumer.run(concurrency: 16) { message in try await bill(message) }
    await consumer.close()
}

/// The same by hand: each message is given up, tried again or done with, as its error says.
func billOrdersByHand(
    _ configuration: ApusClient.Configuration, bill: (ReceivedMessage) async throws -> Void
) async {
    var options = PushConsumer.Options()
    options.from = .first
    let consumer = PushConsumer(
        configuration, group: "billing", subscriptions: [Subscription(topic: "orders")],
        options: options)
    for await delivery in consumer.messages {
        do {
            try await bill(delivery.message)
            delivery.ack()
        } catch is NoSuchCustomer {
            delivery.deadLetter(because: "no such customer")
        } catch {
            delivery.retry(because: "\(error)")
        }
    }
    await consumer.close()
}

/// After three failures a message is kept in a file of this machine, and counts as done with.
func billOrSetAside(
    file: String, bill: @escaping @Sendable (ReceivedMessage) async throws -> Void
) -> @Sendable (ReceivedMessage) async throws -> Void {
    let handler = SetAsideHandler(file: file, failuresMax: 3) { message in
        try await bill(message)
    }
    return { try await handler.handle($0) }
}
