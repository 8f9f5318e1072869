import DeliveryCore
import LogCore
import MessageFormat
import RemotingProtocol

/// What a half message is read for.
enum HalfRead: Sendable {
    case commit(HalfMessage, Caller)
    /// To compare it with the END of a transaction that is not remembered.
    case compare(TransactionEnd, Caller)
    case ask(HalfMessage)
    case giveUp(HalfMessage)
    /// It was given up, and is to be a half message again.
    case resume(Caller)
}

extension BrokerEngine {
    mutating func read(_ half: HalfRead, at position: PhysicalOffset) {
        self.effects.append(.readMessage(self.reads.add(.half(half)), at: position))
    }

    /// The message has been read.
    mutating func resume(_ read: HalfRead, _ bytes: [UInt8]) {
        bytes.withUnsafeBytes { bytes in
            guard let message = try? StoredMessageView(bytes) else {
                return self.fail(read, ReadFailure(reason: "the half message is damaged"))
            }
            switch read {
            case .commit(let half, let caller): self.commit(half, message, from: caller)
            case .compare(let end, let caller):
                self.endForgotten(
                    end, HalfMessage(message, at: message.physicalOffset), from: caller)
            case .ask(let half): self.ask(about: half, message)
            case .giveUp(let half): self.giveUp(half, message)
            case .resume(let caller): self.resume(message, for: caller)
            }
        }
    }

    mutating func fail(_ read: HalfRead, _ failure: ReadFailure) {
        switch read {
        case .commit(let half, let caller):
            self.delivery.transactions.endFailed(half.offset)
            self.refuse(caller, Refusal(.systemError, failure.reason))
        case .compare(let end, let caller): self.endForgotten(end, nil, from: caller)
        case .ask(let half): self.warn(of: half, "cannot be read: \(failure)")
        case .giveUp(let half): self.giveUpUnread(half, because: failure)
        case .resume(let caller): self.refuse(caller, Refusal(.systemError, failure.reason))
        }
    }

    func isSame(_ half: HalfMessage, _ message: StoredMessageView) -> Bool {
        HalfMessage(message, at: message.physicalOffset)?.offset == half.offset
            && message.physicalOffset == half.position
    }

    mutating func warn(of half: HalfMessage, _ what: String) {
        self.effects.append(
            .warn(
                "the half message at \(half.position.bytes) of the producer group "
                    + "\(half.producerGroup) \(what)"))
    }
}
