import ClientEngine
import Synchronization

/// The requests of a producer that wait for their replies, by correlation id.
final class ReplyTable: Sendable {
    typealias Outcome = Result<ReceivedMessage, ApusClientError>

    /// Requests that may wait at once.
    private static let countMax = 16_384

    private let waiting = Mutex<[String: CheckedContinuation<Outcome, Never>]>([:])

    /// False if too many wait; the continuation is still the caller's then.
    func add(_ id: String, _ continuation: CheckedContinuation<Outcome, Never>) -> Bool {
        self.waiting.withLock { waiting in
            guard waiting.count < Self.countMax else { return false }
            waiting[id] = continuation
            return true
        }
    }

    /// False if nobody waits for it (any more).
    @discardableResult
    func finish(_ id: String, _ outcome: Outcome) -> Bool {
        let continuation = self.waiting.withLock { $0.removeValue(forKey: id) }
        continuation?.resume(returning: outcome)
        return continuation != nil
    }
}
