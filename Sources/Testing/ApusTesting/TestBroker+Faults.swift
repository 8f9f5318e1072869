import RemotingProtocol

extension TestBroker {
    /// What clients ask of a broker, as far as it can be made to fail.
    public struct Operation: Hashable, Sendable {
        let codes: Set<Int32>

        init(_ codes: Set<RequestCode>) { self.codes = Set(codes.map(\.rawValue)) }

        /// `Producer.send`, `enqueue`, `sendBatch`, `sendOneWay`, `request`, and the first half of
        /// `sendInTransaction`.
        public static let send = Operation([.sendMessage, .sendMessageV2, .sendBatchMessage])
        /// Commit or rollback of a transaction.
        public static let endTransaction = Operation([.endTransaction])
        /// `Producer.recall`.
        public static let recall = Operation([.recallMessage])
        /// What push, pull and lite pull consumers get messages with.
        public static let pull = Operation([.pullMessage, .litePullMessage])
        /// A consumer tells how far its group is.
        public static let commit = Operation([.updateConsumerOffset])
        /// A failed message goes back to the broker.
        public static let sendBack = Operation([.consumerSendMessageBack])
        /// What `SimpleConsumer` and `PopConsumer` get messages with.
        public static let pop = Operation([.popMessage])
        /// A popped message is acknowledged.
        public static let acknowledge = Operation([.ackMessage, .batchAckMessage])
        /// A popped message's invisible time is changed.
        public static let changeInvisible = Operation([.changeMessageInvisibleTime])
    }

    /// What becomes of a request.
    public enum Fault: Hashable, Sendable {
        /// It never arrives. The client waits for an answer in vain.
        case requestLost
        /// It is carried out, its answer is lost. The client waits in vain.
        case answerLost
        /// It is carried out, then the connection breaks before the answer is sent: what
        /// `answerLost` says, without the wait.
        case connectionLost
        /// It is not carried out, and answered with a response code of the protocol, by default
        /// 2, "busy", which a producer repeats.
        case refused(code: Int = 2, remark: String = "refused on request")
    }

    /// Makes the next `times` requests of a kind fail. Faults of the same kind happen in the order
    /// of these calls.
    ///
    /// ```swift
    /// await broker.fail(.send, with: .connectionLost)
    /// try await producer.send(message)  // is sent twice
    /// ```
    public func fail(_ operation: Operation, with fault: Fault, times: Int = 1) async {
        await self.onLoop { $0.faults.add(operation, fault, times: times) }
    }

    /// Forgets the faults that have not happened yet.
    public func heal() async {
        await self.onLoop { $0.faults.removeAll() }
    }
}
