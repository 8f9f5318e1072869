import ClientEngine
import MessageFormat
import Synchronization

/// A send that is under way. Its receipt, or why there is none, can be asked for at any time.
public final class SendTicket: Sendable {
    typealias Outcome = Result<[SendReceipt], ApusClientError>

    private struct Waiter {
        let id: UInt64
        let continuation: CheckedContinuation<Outcome, Never>
    }

    private enum State {
        case underWay([Waiter])
        case done(Outcome)
    }

    /// The ids of the messages, in their order.
    let messageIDs: [String]
    let bytes: Int
    private let state = Mutex(State.underWay([]))
    private static let lastWaiter = Atomic<UInt64>(0)

    init(messageIDs: [String], bytes: Int) {
        self.messageIDs = messageIDs
        self.bytes = bytes
    }

    /// The id of the message; of a batch's first.
    public var messageID: String { self.messageIDs.first ?? "" }

    /// Returns when the message is stored, or will not be.
    ///
    /// A cancelled task stops waiting; the send goes on.
    public nonisolated(nonsending) var receipt: SendReceipt {
        get async throws(ApusClientError) {
            let receipts = try await self.receipts
            guard let first = receipts.first else {
                throw ApusClientError(.badAnswer, "an empty batch has no receipt")
            }
            return first
        }
    }

    /// One for each message of a batch.
    public nonisolated(nonsending) var receipts: [SendReceipt] {
        get async throws(ApusClientError) {
            if let outcome = self.outcome { return try outcome.get() }
            return try await self.wait().get()
        }
    }

    private var outcome: Outcome? {
        self.state.withLock { if case .done(let outcome) = $0 { outcome } else { nil } }
    }

    private nonisolated(nonsending) func wait() async -> Outcome {
        let id = Self.lastWaiter.wrappingAdd(1, ordering: .relaxed).newValue
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let known: Outcome? = self.state.withLock { state in
                    switch state {
                    case .done(let outcome): return outcome
                    case .underWay where Task.isCancelled: return .failure(Self.cancelled)
                    case .underWay(let waiters):
                        state = .underWay(
                            waiters + [Waiter(id: id, continuation: continuation)])
                        return nil
                    }
                }
                if let known { continuation.resume(returning: known) }
            }
        } onCancel: {
            self.cancel(id)
        }
    }

    private static let cancelled = ApusClientError(
        .cancelled, "cancelled while waiting for a receipt; the send goes on",
        mayHaveBeenStored: true)

    private func cancel(_ id: UInt64) {
        let waiter = self.state.withLock { state -> Waiter? in
            guard case .underWay(var waiters) = state,
                let index = waiters.firstIndex(where: { $0.id == id })
            else { return nil }
            let waiter = waiters.remove(at: index)
            state = .underWay(waiters)
            return waiter
        }
        waiter?.continuation.resume(returning: .failure(Self.cancelled))
    }

    func finish(_ outcome: Outcome) {
        let waiters = self.state.withLock { state -> [Waiter] in
            guard case .underWay(let waiters) = state else { return [] }
            state = .done(outcome)
            return waiters
        }
        for waiter in waiters { waiter.continuation.resume(returning: outcome) }
    }
}

extension SendTicket {
    /// Receipts of messages that lie in the producer's spool.
    func spooledReceipts(topic: String) -> [SendReceipt] {
        self.messageIDs.map { id in
            SendReceipt(
                messageID: id, offsetMessageID: "",
                queue: TopicQueue(topic: topic, brokerName: "", id: -1), queueOffset: -1,
                attempts: 0, isSpooled: true)
        }
    }

    /// One receipt per message. A broker gives a batch consecutive places on one queue.
    func receipts(
        _ acknowledgement: SendAcknowledgement, queue: MessageQueue, attempts: Int
    ) -> [SendReceipt] {
        var queue = TopicQueue(queue)
        queue.id = Int(acknowledgement.queueID)
        let offsetIDs =
            self.messageIDs.count == 1
            ? [acknowledgement.offsetMessageID]
            : acknowledgement.offsetMessageID.split(separator: ",").map { String($0) }
        return self.messageIDs.enumerated().map { index, id in
            SendReceipt(
                messageID: id, offsetMessageID: index < offsetIDs.count ? offsetIDs[index] : "",
                queue: queue, queueOffset: acknowledgement.queueOffset.value &+ Int64(index),
                attempts: attempts, region: acknowledgement.region,
                recallHandle: acknowledgement.recallHandle)
        }
    }
}
