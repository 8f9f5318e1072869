package import MessageFormat

/// How far a read of messages came.
package struct MessagesRead: Hashable, Sendable {
    /// Good messages from the first on.
    package internal(set) var count = 0
    /// Bytes that they fill in the buffer.
    package internal(set) var bytes = 0
    /// Why it went no further; nil when everything was good.
    package internal(set) var damage: MessageDamage?
}

/// A message that cannot be served: its bytes are not those that were stored.
package struct MessageDamage: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Cause: Hashable, Sendable {
        case checksum(expected: UInt32, found: UInt32)
        case unreadable(StorageError)
        /// It is whole, and belongs elsewhere.
        case anotherMessage
    }

    package let entry: IndexEntry
    package let cause: Cause

    package var description: String {
        let message = "message at \(self.entry.position.bytes), \(self.entry.size) bytes"
        return switch self.cause {
        case .checksum(let expected, let found):
            "\(message): checksum \(found) instead of \(expected)"
        case .unreadable(let error):
            "\(message): \(error)"
        case .anotherMessage:
            "\(message): another message than its index says"
        }
    }
}
