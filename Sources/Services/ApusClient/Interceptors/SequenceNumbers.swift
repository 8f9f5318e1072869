import ClientCore
import ClientEngine
import MessageFormat
import Synchronization

/// Numbers a producer's messages per queue, so that `SequenceChecker` finds what got lost, doubled
/// or out of order (`docs/sequence-numbers.md`).
public final class SequenceNumberer: SendInterceptor {
    private let numbering: Mutex<SequenceNumbering>

    /// - Parameter session: must differ from that of every other producer, now and ever.
    public init(session: String) {
        self.numbering = Mutex(SequenceNumbering(session: session))
    }

    /// With a session made from the process, the time and a random number.
    public convenience init() {
        let random = UInt32.random(in: .min ... .max)
        self.init(session: "\(ClientIdentity().clientID)-\(random)")
    }

    public func willSend(_ attempt: inout SendAttempt) {
        let stamp = self.numbering.withLock {
            $0.stamp(message: attempt.messageID, on: attempt.queue.queue)
        }
        var written = MessageProperties()
        stamp.write(to: &written)
        for (name, value) in written.pairs { attempt.properties[name] = value }
    }

    public func didSend(messageID: String, result: Result<SendReceipt, ApusClientError>) {
        self.numbering.withLock {
            switch result {
            // What is spooled gets another number when it leaves the spool.
            case .success(let receipt) where receipt.isSpooled: $0.gaveUp(message: messageID)
            case .success: $0.acknowledged(message: messageID)
            case .failure: $0.gaveUp(message: messageID)
            }
        }
    }
}

/// Checks the numbers that `SequenceNumberer` gave, at any consumer.
public final class SequenceChecker: ReceiveInterceptor {
    /// What the numbers give away.
    public enum Finding: Hashable, Sendable {
        /// The producer was told that these are stored, and the queue does not have them.
        case lost(ClosedRange<Int64>)
        /// This number came before.
        case duplicate(Int64)
        /// Came after a higher number.
        case reordered(Int64)
    }

    /// Counts since the checker was made.
    public struct Totals: Hashable, Sendable {
        /// Messages that carried a number.
        public var received = 0
        /// Messages that were promised and are not there.
        public var lost = 0
        /// Messages that came again.
        public var duplicates = 0
        /// Messages that came after a higher number.
        public var reordered = 0
        /// Missing, but never promised to anybody.
        public var givenUp = 0
    }

    private let check = Mutex(SequenceCheck())
    private let onFinding: @Sendable (Finding, TopicQueue, ReceivedMessage) -> Void

    /// `onFinding` hears of each finding with the message that gave it away.
    public init(
        onFinding: @escaping @Sendable (Finding, TopicQueue, ReceivedMessage) -> Void = {
            _, _, _ in
        }
    ) {
        self.onFinding = onFinding
    }

    /// The counts now.
    public var totals: Totals {
        let totals = self.check.withLock { $0.totals }
        return Totals(
            received: totals.received, lost: totals.lost, duplicates: totals.duplicates,
            reordered: totals.reordered, givenUp: totals.givenUp)
    }

    public func didAssign(_ queue: TopicQueue) { self.check.withLock { $0.forget(queue.queue) } }

    public func didRevoke(_ queue: TopicQueue) { self.check.withLock { $0.forget(queue.queue) } }

    public func didReceive(_ messages: [ReceivedMessage], from queue: TopicQueue) {
        for message in messages {
            guard let stamp = SequenceStamp(message.inbound.properties) else { continue }
            let findings = self.check.withLock { $0.received(stamp, on: queue.queue) }
            for finding in findings { self.onFinding(Finding(finding), queue, message) }
        }
    }
}

extension SequenceChecker.Finding {
    fileprivate init(_ finding: SequenceCheck.Finding) {
        switch finding {
        case .lost(let range): self = .lost(range)
        case .duplicate(let number): self = .duplicate(number)
        case .reordered(let number): self = .reordered(number)
        }
    }
}
