package import MessageFormat
package import RemotingProtocol

/// The answer to one pull.
package struct PullPage: Sendable {
    package var code: ResponseCode
    package var next: QueueOffset
    package var min: QueueOffset
    package var max: QueueOffset
    package var messages: [FetchedMessage]
}

extension ClusterAccess {
    /// The group under which tools read; brokers know it without configuration.
    package static let toolsGroup = "TOOLS_CONSUMER"

    package func minOffset(of queue: RoutedQueue) async throws(AccessError) -> QueueOffset {
        try await self.offset(.getMinOffset, of: queue)
    }

    /// The offset that the queue's next message will get.
    package func maxOffset(of queue: RoutedQueue) async throws(AccessError) -> QueueOffset {
        try await self.offset(.getMaxOffset, of: queue)
    }

    /// The first message that was stored at `time` or later.
    package func offset(
        in queue: RoutedQueue, at time: Timestamp
    ) async throws(AccessError) -> QueueOffset {
        try await self.offset(
            .searchOffsetByTimestamp, of: queue,
            more: [HeaderField(name: "timestamp", value: String(time.milliseconds))])
    }

    private func offset(
        _ code: RequestCode, of queue: RoutedQueue, more: [HeaderField] = []
    ) async throws(AccessError) -> QueueOffset {
        var command = RemotingCommand.request(
            code, fields: ["queueId": String(queue.queue.queueID), "topic": queue.queue.topic])
        command.fields += more
        let answer = try await self.call(command, to: queue.address)
        return QueueOffset(try Self.int64("offset", of: answer, from: queue.address))
    }

    /// What a group has committed; nil if it never has.
    package func committedOffset(
        of group: String, in queue: RoutedQueue
    ) async throws(AccessError) -> QueueOffset? {
        let command = RemotingCommand.request(
            .queryConsumerOffset,
            fields: [
                "consumerGroup": group, "queueId": String(queue.queue.queueID),
                "setZeroIfNotFound": "false", "topic": queue.queue.topic,
            ])
        let answer = try await self.call(
            command, to: queue.address, accepting: [.success, .queryNotFound])
        guard answer.responseCode == .success else { return nil }
        return QueueOffset(try Self.int64("offset", of: answer, from: queue.address))
    }

    package func commit(
        _ offset: QueueOffset, of group: String, in queue: RoutedQueue
    ) async throws(AccessError) {
        let command = RemotingCommand.request(
            .updateConsumerOffset,
            fields: [
                "commitOffset": String(offset.value), "consumerGroup": group,
                "queueId": String(queue.queue.queueID), "topic": queue.queue.topic,
            ])
        _ = try await self.call(command, to: queue.address)
    }

    /// Reads what is there, without waiting for more.
    package func pull(
        _ queue: RoutedQueue, from offset: QueueOffset, messagesMax: Int = 32,
        tags: String = "*"
    ) async throws(AccessError) -> PullPage {
        let command = Self.pullRequest(
            queue.queue, from: offset, messagesMax: messagesMax, tags: tags)
        let answer = try await self.call(
            command, to: queue.address,
            accepting: [.success, .pullNotFound, .pullRetryImmediately, .pullOffsetMoved])
        return try Self.page(answer, from: queue.address)
    }

    package static func pullRequest(
        _ queue: MessageQueue, from offset: QueueOffset, messagesMax: Int, tags: String = "*",
        suspendMilliseconds: Int64 = 0
    ) -> RemotingCommand {
        // Bit 2 asks to wait for more, bit 4 says that the subscription stands in the request.
        let flag = suspendMilliseconds > 0 ? 6 : 4
        return .request(
            .pullMessage,
            fields: [
                "commitOffset": "0", "consumerGroup": Self.toolsGroup, "expressionType": "TAG",
                "maxMsgNums": String(messagesMax), "queueId": String(queue.queueID),
                "queueOffset": String(offset.value), "subVersion": "0", "subscription": tags,
                "suspendTimeoutMillis": String(suspendMilliseconds), "sysFlag": String(flag),
                "topic": queue.topic,
            ])
    }

    package static func page(
        _ answer: ReceivedCommand, from address: String
    ) throws(AccessError) -> PullPage {
        func offset(_ name: StaticString) throws(AccessError) -> QueueOffset {
            QueueOffset(try Self.int64(name, of: answer, from: address))
        }
        return PullPage(
            code: answer.responseCode, next: try offset("nextBeginOffset"),
            min: try offset("minOffset"), max: try offset("maxOffset"),
            messages: answer.responseCode == .success
                ? try FetchedMessage.all(in: answer, from: address) : [])
    }
}
