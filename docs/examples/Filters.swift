import ApusClient

/// Orders of some worth for one of two regions: the broker looks at tag and properties, and sends
/// nothing else.
func sendOrder(
    _ text: String, tag: String, amount: Int, region: String, _ producer: Producer
) async throws {
    try await producer.send(
        Message(
            topic: "orders", body: text, tag: tag,
            properties: ["amount": String(amount), "region": region]))
}

let newOrPaid = Subscription(topic: "orders", tags: "new || paid")

let worthALook = Subscription(
    topic: "orders", sql: "amount > 100 AND region IN ('eu', 'uk') AND TAGS IS NOT NULL")

/// All members of a group must want the same; a group that wants something else has its own name.
func receiveOne(
    _ configuration: ApusClient.Configuration, group: String, _ subscription: Subscription
) async throws -> String? {
    var options = PushConsumer.Options()
    options.from = .first
    let consumer = PushConsumer(
        configuration, group: group, subscriptions: [subscription], options: options)
    try await consumer.checkSubscriptions()
    var text: String?
    for await delivery in consumer.messages {
        text = delivery.message.text
        delivery.ack()
        break
    }
    await consumer.close()
    return text
}
