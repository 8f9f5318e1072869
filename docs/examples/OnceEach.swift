import ApusClient

/// A producer whose messages are stored once, however often it had to send them.
func careful(_ configuration: ApusClient.Configuration) -> Producer {
    var options = Producer.Options()
    options.isIdempotent = true
    return Producer(configuration, options: options)
}

/// Bills each order once, however often it is delivered to this process or to a later one: the
/// keys of handled messages are kept in files of the directory.
func billOnce(
    _ configuration: ApusClient.Configuration, directory: String,
    bill: @escaping @Sendable (ReceivedMessage) async throws -> Void
) async throws {
    let store = try HandledFile(directory: directory)
    let handler = IdempotentHandler(store: store) { message in try await bill(message) }
    var options = PushConsumer.Options()
    options.from = .first
    let consumer = PushConsumer(
        configuration, group: "billing", subscriptions: [Subscription(topic: "orders")],
        options: options)
    await consumer.run { try await handler($0) }
    await consumer.close()
}
