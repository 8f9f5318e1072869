import ApusClient

/// Consumers get the reminder ten minutes after a broker has stored it.
func remind(_ producer: Producer) async throws -> SendReceipt {
    let reminder = Message(
        topic: "reminders", body: "o-17 is cold", delay: .after(.seconds(600)))
    let receipt = try await producer.send(reminder)
    return receipt
}

/// The guest has come: as long as the reminder waits, it can be taken back.
func forget(_ receipt: SendReceipt, _ producer: Producer) async throws {
    if let handle = receipt.recallHandle { try await producer.recall(handle) }
}

/// A time by the broker's clock, and a level of RocketMQ's: 3 is ten seconds.
func remindLater(at milliseconds: Int64, _ producer: Producer) async throws {
    try await producer.send(
        Message(topic: "reminders", body: "it opens", delay: .at(milliseconds: milliseconds)))
    try await producer.send(
        Message(topic: "reminders", body: "it is ready", delay: .level(3)))
}
