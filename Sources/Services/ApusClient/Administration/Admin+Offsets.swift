import ClientEngine
import MessageFormat
import RemotingProtocol

/// Where `seek` moves a group.
public enum SeekTarget: Hashable, Sendable {
    /// The oldest message that is still there.
    case first
    /// Behind the newest message.
    case last
    /// The first message stored then or later, in milliseconds since 1970.
    case timestamp(Int64)
    /// This offset, on every queue that is moved.
    case offset(Int64)
}

extension Admin {
    /// Moves the group on every queue of the topic, or on one of them.
    ///
    /// Members that are at work follow with their next pulls; but not to `offset`, nor on one queue
    /// only: for that, stop them first.
    ///
    /// - Returns: the offsets that were set.
    @discardableResult
    public func seek(
        group: String, topic: String, to target: SeekTarget, queue only: TopicQueue? = nil
    ) async throws(ApusClientError) -> [TopicQueue: Int64] {
        let what = "setting the offsets of group \(group) on topic \(topic)"
        let route = try await self.connection.route(of: topic)
        if only == nil, let timestamp = target.timestamp {
            return try await self.move(group, to: timestamp, route, during: what)
        }
        return try await self.commit(group, target, route, only: only, during: what)
    }

    private func commit(
        _ group: String, _ target: SeekTarget, _ route: TopicRoute, only: TopicQueue? = nil,
        broker: String? = nil, during what: String
    ) async throws(ApusClientError) -> [TopicQueue: Int64] {
        var offsets: [TopicQueue: Int64] = [:]
        for queue in route.readQueues
        where (only == nil || only == TopicQueue(queue))
            && (broker == nil || broker == queue.brokerName)
        {
            guard let address = route.masterAddress(of: queue.brokerName) else {
                throw ApusClientError(.noRoute, "\(what): \(queue.brokerName) has no master")
            }
            let offset = try await self.offset(of: target, queue, at: address, during: what)
            _ = try await self.connection.call(
                OffsetRequest.commit(group, queue, offset), to: address, during: what)
            offsets[TopicQueue(queue)] = offset.value
        }
        return offsets
    }

    private func offset(
        of target: SeekTarget, _ queue: MessageQueue, at address: String, during what: String
    ) async throws(ApusClientError) -> QueueOffset {
        let question: RemotingCommand
        switch target {
        case .offset(let offset): return QueueOffset(offset)
        case .first: question = OffsetRequest.min(queue)
        case .last: question = OffsetRequest.max(queue)
        case .timestamp(let milliseconds):
            question = OffsetRequest.search(queue, Timestamp(milliseconds: milliseconds))
        }
        let answer = try await self.connection.call(question, to: address, during: what)
        guard case .offset(let offset) = OffsetRequest.answer(.success(answer)) else {
            throw ApusClientError(.badAnswer, "\(what): the answer has no offset")
        }
        return offset
    }

    /// The brokers move it, and tell its members.
    private func move(
        _ group: String, to timestamp: Int64, _ route: TopicRoute, during what: String
    ) async throws(ApusClientError) -> [TopicQueue: Int64] {
        var offsets: [TopicQueue: Int64] = [:]
        for broker in Set(route.readQueues.map(\.brokerName)).sorted() {
            guard let address = route.masterAddress(of: broker) else {
                throw ApusClientError(.noRoute, "\(what): \(broker) has no master")
            }
            let answer = try await self.connection.call(
                .request(
                    .invokeBrokerToResetOffset,
                    fields: [
                        "group": group, "isForce": "true", "timestamp": String(timestamp),
                        "topic": route.topic,
                    ]), to: address, accepting: [.success, .subscriptionGroupNotExist],
                during: what)
            guard answer.responseCode == .success else {
                // A group that the broker does not know gets its first offsets.
                let first = try await self.commit(
                    group, SeekTarget(timestamp: timestamp), route, broker: broker, during: what)
                offsets.merge(first) { $1 }
                continue
            }
            let body = try ClientConnection.body(ResetOffsetBody.self, of: answer, during: what)
            for (queue, offset) in body.offsets { offsets[TopicQueue(queue)] = offset }
        }
        return offsets
    }

    /// Lets the group go on with what comes from now on. What it has not consumed yet stays in the
    /// topic.
    @discardableResult
    public func skipBacklog(
        group: String, topic: String
    ) async throws(ApusClientError) -> [TopicQueue: Int64] {
        try await self.seek(group: group, topic: topic, to: .last)
    }

    /// Lets group `target` go on where `source` is: in one topic, or in all that `source` has
    /// consumed. The members of `target` must not be at work: they would commit their own offsets.
    public func cloneOffsets(
        ofGroup source: String, to target: String, topic: String? = nil
    ) async throws(ApusClientError) {
        for address in try await self.masters(.all) {
            var request = RemotingCommand.request(
                .cloneGroupOffset,
                fields: ["destGroup": target, "offline": "true", "srcGroup": source])
            request["topic"] = topic
            _ = try await self.connection.call(
                request, to: address, during: "cloning the offsets of group \(source)")
        }
    }
}

extension SeekTarget {
    /// As brokers are told; nil for what they cannot be told.
    fileprivate var timestamp: Int64? {
        switch self {
        case .first: 0
        case .last: -1
        case .timestamp(let milliseconds): max(milliseconds, 0)
        case .offset: nil
        }
    }

    fileprivate init(timestamp: Int64) {
        switch timestamp {
        case -1: self = .last
        case 0: self = .first
        default: self = .timestamp(timestamp)
        }
    }
}
