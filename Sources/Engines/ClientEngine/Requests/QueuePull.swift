package import MessageFormat
package import RemotingProtocol

/// Asks a broker for the messages of a queue from an offset on.
package struct QueuePull: Hashable, Sendable {
    package var group: String
    package var queue: MessageQueue
    package var offset: QueueOffset
    /// Told to the broker on the way: what the group is done with.
    package var commit: QueueOffset?
    package var subscription: SubscriptionData
    package var messagesMax: Int32
    /// How long the broker holds the request when there is nothing; zero: not at all.
    package var hold: Duration

    package init(
        group: String, queue: MessageQueue, offset: QueueOffset, commit: QueueOffset? = nil,
        subscription: SubscriptionData, messagesMax: Int32, hold: Duration
    ) {
        self.group = group
        self.queue = queue
        self.offset = offset
        self.commit = commit
        self.subscription = subscription
        self.messagesMax = messagesMax
        self.hold = hold
    }

    /// The request carries its filter, so that it works on a broker that has not heard of the
    /// group yet.
    package var command: RemotingCommand {
        let commitBit: Int32 = self.commit == nil ? 0 : 1
        let holdBit: Int32 = self.hold > .zero ? 2 : 0
        let expressionBit: Int32 = 4
        let fields: KeyValuePairs<String, String> = [
            "commitOffset": String(self.commit?.value ?? 0),
            "consumerGroup": self.group,
            "expressionType": self.subscription.expressionType,
            "maxMsgNums": String(self.messagesMax),
            "queueId": String(self.queue.queueID),
            "queueOffset": String(self.offset.value),
            "subVersion": String(self.subscription.version),
            "subscription": self.subscription.expression,
            "suspendTimeoutMillis": String(Tick(self.hold).nanoseconds / 1_000_000),
            "sysFlag": String(commitBit | holdBit | expressionBit),
            "topic": self.queue.topic,
        ]
        return .request(.pullMessage, fields: fields)
    }
}

/// A broker's answer to a pull.
package enum PullAnswer: Sendable {
    package struct Progress: Sendable {
        /// Where to go on.
        package var next: QueueOffset
        package var min: QueueOffset
        package var max: QueueOffset
        /// Which replica to ask next time.
        package var brokerID: Int64
    }

    case found([InboundMessage], Progress)
    /// Nothing there, or nothing that matches.
    case nothing(Progress)
    /// The offset lies outside the queue, or was reset by an operator.
    case moved(Progress)
    case refused(code: ResponseCode, remark: String)
    case failed(CallFailure)

    package init(_ result: CallResult, of request: QueuePull) {
        switch result {
        case .failure(let failure): self = .failed(failure)
        case .success(let command): self = Self.answer(command, of: request)
        }
    }

    private static func answer(_ command: ReceivedCommand, of request: QueuePull) -> Self {
        let code = command.responseCode
        let expected: [ResponseCode] = [
            .success, .pullNotFound, .pullRetryImmediately, .pullOffsetMoved,
        ]
        guard expected.contains(code) else {
            return .refused(code: code, remark: command.remark ?? code.name)
        }
        do {
            let progress = try Progress(command)
            switch code {
            case .success:
                let messages = try InboundMessage.messages(of: command, from: request.queue)
                return .found(
                    messages.filter { $0.passes(request.subscription) }
                        .map { $0.shownTo(request.group) }, progress)
            case .pullOffsetMoved: return .moved(progress)
            default: return .nothing(progress)
            }
        } catch {
            return .refused(code: .systemError, remark: "the answer cannot be read: \(error)")
        }
    }
}

extension PullAnswer.Progress {
    fileprivate init(_ command: ReceivedCommand) throws(HeaderFieldError) {
        self.next = QueueOffset(try command.requiredInt64("nextBeginOffset"))
        self.min = QueueOffset(try command.int64("minOffset") ?? 0)
        self.max = QueueOffset(try command.int64("maxOffset") ?? 0)
        self.brokerID = try command.int64("suggestWhichBrokerId") ?? 0
    }
}
