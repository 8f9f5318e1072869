internal import ClientCore
package import MessageFormat
package import RemotingProtocol

/// Questions about a queue's offsets.
package enum OffsetRequest {
    /// What the group is done with.
    package static func stored(_ group: String, _ queue: MessageQueue) -> RemotingCommand {
        .request(
            .queryConsumerOffset,
            fields: [
                "consumerGroup": group, "queueId": String(queue.queueID),
                "setZeroIfNotFound": "false", "topic": queue.topic,
            ])
    }

    package static func commit(
        _ group: String, _ queue: MessageQueue, _ offset: QueueOffset
    ) -> RemotingCommand {
        .request(
            .updateConsumerOffset,
            fields: [
                "commitOffset": String(offset.value), "consumerGroup": group,
                "queueId": String(queue.queueID), "topic": queue.topic,
            ])
    }

    /// Whether a commit was taken.
    package static func isCommitted(_ result: CallResult) -> Bool {
        (try? result.get())?.responseCode == .success
    }

    package static func max(_ queue: MessageQueue) -> RemotingCommand {
        .request(
            .getMaxOffset, fields: ["queueId": String(queue.queueID), "topic": queue.topic])
    }

    package static func min(_ queue: MessageQueue) -> RemotingCommand {
        .request(
            .getMinOffset, fields: ["queueId": String(queue.queueID), "topic": queue.topic])
    }

    /// The first offset whose message was stored at `time` or later.
    package static func search(_ queue: MessageQueue, _ time: Timestamp) -> RemotingCommand {
        .request(
            .searchOffsetByTimestamp,
            fields: [
                "queueId": String(queue.queueID), "timestamp": String(time.milliseconds),
                "topic": queue.topic,
            ])
    }

    package enum Answer: Hashable, Sendable {
        case offset(QueueOffset)
        /// The group has none for this queue.
        case none
        case failed(reason: String)
    }

    package static func answer(_ result: CallResult) -> Answer {
        switch result {
        case .failure(let failure): return .failed(reason: failure.failure.reason)
        case .success(let command) where command.responseCode == .success:
            guard let value = (try? command.int64("offset")) ?? nil,
                QueueOffset(value).isPlausible
            else { return .failed(reason: "the answer has no offset") }
            return .offset(QueueOffset(value))
        case .success(let command) where command.responseCode == .queryNotFound: return .none
        case .success(let command):
            return .failed(reason: command.remark ?? command.responseCode.name)
        }
    }
}

/// Where a group begins on a queue for which it has no offset.
package enum StartingPoint: Hashable, Sendable {
    case first
    case last
    case time(Timestamp)

    func question(_ queue: MessageQueue) -> RemotingCommand {
        switch self {
        case .first: OffsetRequest.min(queue)
        case .last: OffsetRequest.max(queue)
        case .time(let time): OffsetRequest.search(queue, time)
        }
    }

    var wireName: ConsumeFromWhere {
        switch self {
        case .first: .firstOffset
        case .last: .lastOffset
        case .time: .timestamp
        }
    }
}
