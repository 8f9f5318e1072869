import Chaos
import RemotingProtocol
import Synchronization

/// Prints messages in the wanted form until there are enough.
final class MessagePrinter: Sendable {
    private let format: String
    private let countMax: Int
    private let count = Mutex(0)

    init(format: String, countMax: Int?) {
        self.format = format
        self.countMax = countMax ?? .max
    }

    var isDone: Bool { self.count.withLock { $0 >= self.countMax } }
    var printed: Int { self.count.withLock { $0 } }

    /// False if there were enough before.
    @discardableResult
    func print(_ message: FetchedMessage) -> Bool {
        self.count.withLock { count in
            guard count < self.countMax else { return false }
            count += 1
            Terminal.write(self.bytes(of: message))
            return true
        }
    }

    private func bytes(of message: FetchedMessage) -> [UInt8] {
        let newline = UInt8(ascii: "\n")
        switch self.format {
        case "text": return Array(MessageText.line(message).utf8) + [newline]
        // The bytes as their producer wrote them, whatever they are.
        case "body":
            return ((try? MessageText.bytes(message)) ?? Array(MessageText.body(message).utf8))
                + [newline]
        case "json": return MessageText.json(message).encoded + [newline]
        default: return Array(MessageText.fill(self.format, with: message).utf8) + [newline]
        }
    }
}
