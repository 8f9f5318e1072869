import RemotingProtocol

/// Faults that were ordered and have not happened yet, and the answers that they concern.
struct FaultTable {
    private struct Order {
        var operation: TestBroker.Operation
        var fault: TestBroker.Fault
        var times: Int
    }

    /// What an answer that is on its way is to become.
    enum Fate { case lost, closesConnection }

    private struct Call: Hashable {
        var connection: ConnectionID
        var opaque: Int32
    }

    private var orders: [Order] = []
    private var fates: [Call: Fate] = [:]

    mutating func add(_ operation: TestBroker.Operation, _ fault: TestBroker.Fault, times: Int) {
        guard times > 0 else { return }
        self.orders.append(Order(operation: operation, fault: fault, times: times))
    }

    mutating func removeAll() { self.orders.removeAll() }

    /// The fault that befalls this request: the one ordered first.
    mutating func take(for code: Int32) -> TestBroker.Fault? {
        let index = self.orders.firstIndex { $0.operation.codes.contains(code) }
        guard let index else { return nil }
        let fault = self.orders[index].fault
        self.orders[index].times -= 1
        if self.orders[index].times == 0 { self.orders.remove(at: index) }
        return fault
    }

    mutating func set(_ fate: Fate, for opaque: Int32, on connection: ConnectionID) {
        self.fates[Call(connection: connection, opaque: opaque)] = fate
    }

    mutating func takeFate(of opaque: Int32, on connection: ConnectionID) -> Fate? {
        self.fates.isEmpty
            ? nil : self.fates.removeValue(forKey: Call(connection: connection, opaque: opaque))
    }

    mutating func closed(_ connection: ConnectionID) {
        guard !self.fates.isEmpty else { return }
        self.fates = self.fates.filter { $0.key.connection != connection }
    }
}
