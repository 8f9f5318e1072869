import Synchronization

/// A message that is worked on, with the handle that counts now.
final class HiddenHold: Sendable {
    private let message: Mutex<HiddenMessage>

    init(_ message: HiddenMessage) { self.message = Mutex(message) }

    var current: HiddenMessage { self.message.withLock { $0 } }

    func renew(_ message: HiddenMessage) { self.message.withLock { $0 = message } }
}
