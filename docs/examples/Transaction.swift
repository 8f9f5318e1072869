import ApusClient

/// Stands for the database in which payments are recorded.
actor Orders {
    private var paid: Set<String> = []

    func pay(_ order: String) -> Bool { self.paid.insert(order).inserted }

    func isPaid(_ order: String?) -> Bool { order.map { self.paid.contains($0) } ?? false }
}

/// A producer whose transactions can be asked about: the checker finds out from what the work has
/// left behind, for this process and for every other of the group.
func till(_ configuration: ApusClient.Configuration, _ orders: Orders) -> Producer {
    var options = Producer.Options()
    options.group = "till"
    options.transactionChecker = { message in
        await orders.isPaid(message.keys.first) ? .commit : .rollback
    }
    let producer = Producer(configuration, options: options)
    producer.prepare(topic: "orders")
    return producer
}

/// Consumers get the order only if it is paid.
func payAndSend(_ producer: Producer, _ orders: Orders) async throws -> TransactionReceipt {
    let order = Message(topic: "orders", body: "two coffees", keys: ["o-17"])
    let sent = try await producer.sendInTransaction(order) { _ in
        await orders.pay("o-17") ? .commit : .rollback
    }
    return sent
}
