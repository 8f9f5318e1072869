import ApusClient

/// The steps of one order go to one queue, each when the one before is stored.
func sendSteps(of order: String, _ producer: Producer) async throws {
    for step in ["brewed", "served", "paid"] {
        let message = Message(topic: "steps", body: "\(order) \(step)", keys: [order])
        try await producer.send(message, to: .hash(shardingKey: order))
    }
}

/// Handles the messages of each queue one after the other, until the task is cancelled.
///
/// A handler that throws holds up its own queue only: it gets the same message again after a
/// second, or when it says so by throwing `SuspendQueue`.
func followSteps(
    _ configuration: ApusClient.Configuration,
    note: @escaping @Sendable (ReceivedMessage) async throws -> Void
) async {
    var options = PushConsumer.Options()
    options.from = .first
    let consumer = PushConsumer(
        configuration, group: "board", subscriptions: [Subscription(topic: "steps")],
        options: options)
    await consumer.runOrderly { message in
        do {
            try await note(message)
        } catch {
            throw SuspendQueue(for: .milliseconds(100))
        }
    }
    await consumer.close()
}
