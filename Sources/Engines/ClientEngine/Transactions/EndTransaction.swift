package import MessageFormat
package import RemotingProtocol

/// How a producer decided. The raw values are the wire's.
package enum TransactionVerdict: Int32, Hashable, Sendable {
    case unknown = 0
    case commit = 8
    case rollback = 12
}

/// What becomes of a half message, said to the broker that holds it.
package struct EndTransaction: Hashable, Sendable {
    package var producerGroup: String
    package var topic: String
    /// The half message's place in the queue of half messages, and in the log.
    package var halfOffset: QueueOffset
    package var position: PhysicalOffset
    package var messageID: String
    package var transactionID: String
    package var verdict: TransactionVerdict
    /// Whether it answers a question of the broker's.
    package var isFromCheck = false

    /// Nil if the acknowledgement does not say where the half message is.
    package init?(
        of acknowledgement: SendAcknowledgement, messageID: String, topic: String, group: String,
        verdict: TransactionVerdict
    ) {
        guard let place = OffsetMessageID(acknowledgement.offsetMessageID) else { return nil }
        self.producerGroup = group
        self.topic = topic
        self.halfOffset = acknowledgement.queueOffset
        self.position = place.physicalOffset
        self.messageID = messageID
        self.transactionID = acknowledgement.transactionID ?? messageID
        self.verdict = verdict
    }

    init(answering check: TransactionCheck, group: String, verdict: TransactionVerdict) {
        self.producerGroup = group
        self.topic = check.message.queue.topic
        self.halfOffset = check.halfOffset
        self.position = check.position
        self.messageID = check.message.messageID
        self.transactionID = check.transactionID
        self.verdict = verdict
        self.isFromCheck = true
    }

    /// A question is answered one-way, as the protocol says; otherwise the broker's answer tells
    /// that the outcome has arrived.
    package var command: RemotingCommand {
        .request(
            .endTransaction,
            fields: [
                "commitLogOffset": String(self.position.bytes),
                "commitOrRollback": String(self.verdict.rawValue),
                "fromTransactionCheck": self.isFromCheck ? "true" : "false",
                "msgId": self.messageID, "producerGroup": self.producerGroup,
                "topic": self.topic, "tranStateTableOffset": String(self.halfOffset.value),
                "transactionId": self.transactionID,
            ], oneWay: self.isFromCheck)
    }
}

/// A broker asks how a transaction ended (code 39).
package struct TransactionCheck: Sendable {
    package var message: InboundMessage
    package var transactionID: String
    package var halfOffset: QueueOffset
    package var position: PhysicalOffset
    /// The group that sent the half message.
    package var producerGroup: String?

    package init(_ command: ReceivedCommand) throws(TransactionCheckError) {
        do throws(HeaderFieldError) {
            self.halfOffset = QueueOffset(try command.requiredInt64("tranStateTableOffset"))
            self.position = PhysicalOffset(try command.requiredInt64("commitLogOffset"))
        } catch {
            throw TransactionCheckError(problem: "\(error)")
        }
        let broker = command.nonEmptyString("bname") ?? ""
        let messages = command.withBodyBytes { bytes in
            Result { () throws(MessageFormatError) -> [InboundMessage] in
                try InboundMessage.messages(in: bytes, brokerName: broker)
            }
        }
        guard let message = try? messages.get().first else {
            throw TransactionCheckError(problem: "the body is no message")
        }
        self.message = message
        self.transactionID =
            command.nonEmptyString("transactionId") ?? command.nonEmptyString("msgId")
            ?? message.messageID
        self.producerGroup = message.properties[PropertyName.producerGroup]
    }

    package func answer(_ verdict: TransactionVerdict, group: String) -> EndTransaction {
        EndTransaction(answering: self, group: self.producerGroup ?? group, verdict: verdict)
    }
}

package struct TransactionCheckError: Error, Hashable, Sendable {
    package var problem: String
}
