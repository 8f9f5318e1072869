import ApusClient

/// A producer that keeps on this machine's disk what cannot be sent within two seconds, and sends
/// it when the cluster is back, in the order of the calls.
func patient(_ configuration: ApusClient.Configuration, directory: String) -> Producer {
    var options = Producer.Options()
    options.deadline = .seconds(2)
    options.spool = SpoolOptions(directory: directory)
    return Producer(configuration, options: options)
}

/// Says where the message is now.
func sendOrKeep(_ message: Message, _ producer: Producer) async throws -> String {
    let receipt = try await producer.send(message)
    guard receipt.isSpooled else { return "stored in \(receipt.queue)" }
    let waiting = producer.spoolProgress?.messages ?? 0
    return "on this disk, as one of \(waiting)"
}
