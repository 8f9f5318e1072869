import ApusClient

/// Asks for a price and waits for the answer.
func askForPrice(_ producer: Producer) async throws -> String {
    let reply = try await producer.request(
        Message(topic: "prices", body: "a coffee?"), timeout: .seconds(10))
    return reply.text
}

/// Answers questions until the task is cancelled. Replies go through a producer.
func answerQuestions(_ configuration: ApusClient.Configuration) async {
    var options = PushConsumer.Options()
    options.from = .first
    let consumer = PushConsumer(
        configuration, group: "price-list", subscriptions: [Subscription(topic: "prices")],
        options: options)
    let producer = Producer(configuration)
    for await delivery in consumer.messages {
        do {
            if delivery.message.isRequest {
                try await delivery.message.reply(Array("3.20".utf8), through: producer)
            }
            delivery.ack()
        } catch {
            delivery.retry(because: "\(error)")
        }
    }
    await producer.close()
    await consumer.close()
}
