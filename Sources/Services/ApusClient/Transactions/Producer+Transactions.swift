import ClientCore
import ClientEngine
import MessageFormat

extension Producer {
    /// Sends a message that consumers get only if `local` commits.
    ///
    /// The message is stored first, invisible; then `local` does its work, and its outcome decides.
    /// The outcome is told to the broker, across failovers, until it confirms it. When that does not
    /// succeed, or this process dies, the broker asks the producers of the group: here
    /// `Options.transactionChecker` answers, for which at least one of them must be up and have
    /// sent to the topic or called `prepare`.
    ///
    /// A delay counts from the commit on. If `local` throws, its error is thrown on, and the outcome is left open: the broker asks.
    /// If the message could not be stored, `local` does not run.
    ///
    /// - Parameter local: gets the place of the stored message; `messageID` is the transaction's id.
    @discardableResult
    public nonisolated(nonsending) func sendInTransaction(
        _ message: Message, to selection: QueueSelection = .roundRobin, deadline: Duration? = nil,
        local: (SendReceipt) async throws -> TransactionOutcome
    ) async throws -> TransactionReceipt {
        let half = try self.half(message, selection)
        try await self.transactions.enter(bytes: 0)
        defer { self.transactions.leave(count: 1, bytes: 0) }
        let receipt = try await self.prepare(half, bytes: message.bytes, deadline: deadline)
        let outcome: TransactionOutcome
        do {
            outcome = try await local(receipt)
        } catch {
            self.loop.post(.transaction(.leftOpen(receipt.messageID)))
            throw error
        }
        self.loop.trace?.ended(receipt, of: message, outcome)
        return await self.end(receipt, outcome, within: deadline ?? self.options.deadline)
    }

    private func half(
        _ message: Message, _ selection: QueueSelection
    ) throws(ApusClientError) -> OutgoingSend {
        guard self.options.transactionChecker != nil else {
            throw ApusClientError(
                .invalidArgument, "a transaction needs the option transactionChecker")
        }
        var outgoing = try self.outgoing(message, selection)
        var properties = outgoing.properties
        properties[PropertyName.transactionPrepared] = "true"
        properties[PropertyName.producerGroup] = self.options.group
        outgoing.properties = properties
        return OutgoingSend(
            topic: self.fullName(message.topic), messages: [outgoing], kind: .half,
            placement: self.placement(selection))
    }

    private nonisolated(nonsending) func prepare(
        _ half: OutgoingSend, bytes: Int, deadline: Duration?
    ) async throws(ApusClientError) -> SendReceipt {
        let id = half.messages[0].uniqueKey
        self.loop.post(.transaction(.began(id)))
        do throws(ApusClientError) {
            return try await self.hand(half, bytes: bytes, deadline: deadline).receipt
        } catch {
            // It may be stored all the same; its work will never be done.
            self.loop.post(.transaction(.leftOpen(id)))
            self.loop.post(.transaction(.known(id, .rollback)))
            throw error
        }
    }

    private nonisolated(nonsending) func end(
        _ receipt: SendReceipt, _ outcome: TransactionOutcome, within limit: Duration
    ) async -> TransactionReceipt {
        let acknowledgement = SendAcknowledgement(
            offsetMessageID: receipt.offsetMessageID, queueID: Int32(clamping: receipt.queue.id),
            queueOffset: QueueOffset(receipt.queueOffset))
        let verdict = TransactionVerdict(outcome)
        let end = EndTransaction(
            of: acknowledgement, messageID: receipt.messageID,
            topic: self.fullName(receipt.queue.topic),
            group: self.options.group, verdict: verdict)
        guard let end, verdict != .unknown else {
            self.loop.post(.transaction(.leftOpen(receipt.messageID)))
            if verdict != .unknown {
                self.loop.post(.transaction(.known(receipt.messageID, verdict)))
            }
            return TransactionReceipt(receipt: receipt, outcome: outcome, isConfirmed: false)
        }
        let isConfirmed = await withCheckedContinuation { continuation in
            let wait = TransactionDesk.Wait(
                continuation: continuation, deadline: SystemClock.tick() + limit)
            self.loop.post(
                .transaction(.decided(end, brokerName: receipt.queue.brokerName, wait)))
        }
        return TransactionReceipt(receipt: receipt, outcome: outcome, isConfirmed: isConfirmed)
    }
}

extension TransactionVerdict {
    init(_ outcome: TransactionOutcome) {
        self =
            switch outcome {
            case .commit: .commit
            case .rollback: .rollback
            case .unknown: .unknown
            }
    }
}
