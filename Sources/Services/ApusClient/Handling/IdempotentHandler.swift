import Synchronization

/// Remembers which messages were handled.
///
/// Whoever keeps the work's results in a database does best to keep this there too, and to write it
/// in the same transaction as the results: then each message counts exactly once.
/// `HandledFile` is for everybody else.
public protocol HandledStore: Sendable {
    /// Whether `insert` has returned for the key, in this process or an earlier one.
    func contains(_ key: String) async throws -> Bool
    /// Durable when it returns.
    func insert(_ key: String) async throws
}

/// A handler that does nothing for a message that was handled before.
///
/// ```swift
/// let store = try HandledFile(directory: "/var/lib/billing/handled")
/// let handler = IdempotentHandler(store: store) { message in try await bill(message) }
/// try await consumer.run(concurrency: 16) { try await handler($0) }
/// ```
///
/// Deliveries of one message to this process wait for each other. The message is remembered after
/// its handler has returned: if the process dies in between it is handled again. Other processes
/// know only what their own store says.
public struct IdempotentHandler: Sendable {
    private let store: any HandledStore
    private let key: @Sendable (ReceivedMessage) -> String
    private let handler: @Sendable (ReceivedMessage) async throws -> Void
    private let running = RunningKeys()

    /// - Parameter key: what is the same for all deliveries and all copies of one message; by
    ///   default the id that its producer gave it.
    public init(
        store: any HandledStore,
        key: @escaping @Sendable (ReceivedMessage) -> String = { $0.messageID },
        _ handler: @escaping @Sendable (ReceivedMessage) async throws -> Void
    ) {
        self.store = store
        self.key = key
        self.handler = handler
    }

    /// Returns whether the message was handled now; false if it had been before.
    @discardableResult
    public func callAsFunction(_ message: ReceivedMessage) async throws -> Bool {
        let key = self.key(message)
        await self.running.enter(key)
        defer { self.running.leave(key) }
        if try await self.store.contains(key) { return false }
        try await self.handler(message)
        try await self.store.insert(key)
        return true
    }
}

/// Lets one at a time in for each key.
private final class RunningKeys: Sendable {
    /// Who waits for each key that somebody has.
    private let waiting = Mutex<[String: [CheckedContinuation<Void, Never>]]>([:])

    func enter(_ key: String) async {
        await withCheckedContinuation { continuation in
            let isFree = self.waiting.withLock { waiting in
                if waiting[key] == nil {
                    waiting[key] = []
                    return true
                }
                waiting[key]?.append(continuation)
                return false
            }
            if isFree { continuation.resume() }
        }
    }

    /// The key goes to who has waited longest.
    func leave(_ key: String) {
        let next = self.waiting.withLock { waiting -> CheckedContinuation<Void, Never>? in
            guard waiting[key]?.isEmpty == false else {
                waiting[key] = nil
                return nil
            }
            return waiting[key]?.removeFirst()
        }
        next?.resume()
    }
}
