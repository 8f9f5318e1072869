import ApusClient

/// Receives once, and acknowledges what was billed. What was not is visible again after 30 s.
func billSome(
    _ configuration: ApusClient.Configuration,
    bill: (ReceivedMessage) async throws -> Void
) async throws {
    var options = SimpleConsumer.Options()
    options.from = .first
    let consumer = SimpleConsumer(
        configuration, group: "bar", subscriptions: [Subscription(topic: "orders")],
        options: options)
    for received in try await consumer.receive(max: 16, invisible: .seconds(30)) {
        try await bill(received.message)
        try await consumer.ack(received)
    }
    await consumer.close()
}

/// Runs a handler over the messages until the task is cancelled. What is being handled is kept
/// hidden, what failed comes again after 10 s, 30 s, 1 min and so on.
func billAll(
    _ configuration: ApusClient.Configuration,
    bill: @escaping @Sendable (ReceivedMessage) async throws -> Void
) async throws {
    var options = PopConsumer.Options()
    options.from = .first
    let consumer = PopConsumer(
        configuration, group: "bar", subscriptions: [Subscription(topic: "orders")],
        options: options)
    try await consumer.run(concurrency: 16) { message in try await bill(message) }
    await consumer.close()
}
