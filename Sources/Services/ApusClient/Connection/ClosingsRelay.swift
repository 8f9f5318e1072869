import Synchronization

/// Tells whoever comes later of closed connections: a connection is made before the part that
/// wants to hear of its end.
final class ClosingsRelay: Sendable {
    private let listener = Mutex<(@Sendable (String) -> Void)?>(nil)

    func relay(to listener: @escaping @Sendable (String) -> Void) {
        self.listener.withLock { $0 = listener }
    }

    func closed(_ address: String) {
        self.listener.withLock { $0 }?(address)
    }
}
