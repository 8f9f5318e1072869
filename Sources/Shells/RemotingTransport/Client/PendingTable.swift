import NIOCore

/// The calls of one connection that wait for an answer, by opaque.
///
/// Deadlines cost nothing per call: one sweep over the table happens when the earliest deadline it
/// saw last time is over. With equal timeouts that is once per timeout, however many calls pass.
struct PendingTable {
    private var calls: [Int32: PendingCall] = [:]

    var isEmpty: Bool { self.calls.isEmpty }

    mutating func add(_ call: PendingCall, opaque: Int32) {
        self.calls[opaque] = call
    }

    /// Nil for an answer nobody waits for any more.
    mutating func take(_ opaque: Int32) -> PendingCall? {
        self.calls.removeValue(forKey: opaque)
    }

    mutating func takeExpired(at now: NIODeadline) -> [PendingCall] {
        let expired = self.calls.filter { $0.value.time.deadline <= now }
        for opaque in expired.keys { self.calls[opaque] = nil }
        return Array(expired.values)
    }

    mutating func takeAll() -> [PendingCall] {
        let all = Array(self.calls.values)
        self.calls = [:]
        return all
    }

    func earliestDeadline() -> NIODeadline? {
        self.calls.values.lazy.map(\.time.deadline).min()
    }
}
