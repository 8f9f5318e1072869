import ApusClient

/// Sends a message and gets it back. `nameServers` is a text such as `"127.0.0.1:9876"`.
func firstMessage(nameServers: String) async throws -> String? {
    let configuration = ApusClient.Configuration(nameServers: nameServers)

    let producer = Producer(configuration)
    let order = Message(topic: "orders", body: "two coffees", tag: "new", keys: ["o-17"])
    let receipt = try await producer.send(order)
    print("stored at offset \(receipt.queueOffset) of \(receipt.queue)")
    await producer.close()

    var options = PushConsumer.Options()
    options.from = .first
    let consumer = PushConsumer(
        configuration, group: "kitchen", subscriptions: [Subscription(topic: "orders")],
        options: options)
    var text: String?
    for await delivery in consumer.messages {
        text = delivery.message.text
        delivery.ack()
        break
    }
    await consumer.close()
    return text
}
