import Chaos
import MessageFormat
import RemotingProtocol

extension ClusterAccess {
    /// Moves the group on every queue of the topic; returns where it goes on.
    ///
    /// Brokers tell a group's members that are at work. A group that they do not know yet gets its
    /// first offsets.
    func move(
        _ group: String, in topic: String, to start: StartPosition
    ) async throws(AccessError) -> [QueuePosition] {
        guard try await self.groups().contains(where: { $0.name == group }) else {
            return try await self.commitStart(of: group, in: topic, at: start)
        }
        let route = try await self.route(of: topic)
        var moved: [QueuePosition] = []
        for broker in route.brokers {
            guard let master = broker.masterAddress else {
                throw .noMaster(topic: topic)
            }
            let answer = try await self.call(
                Self.reset(group, topic, to: start), to: master,
                accepting: [.success, .subscriptionGroupNotExist])
            guard answer.responseCode == .success else {
                moved += try await self.commitStart(
                    of: group, in: topic, at: start, brokerName: broker.brokerName)
                continue
            }
            let body: ResetOffsetBody = try Self.body(of: answer, from: master)
            moved += body.offsets.map { QueuePosition($0, QueueOffset($1)) }
        }
        return moved
    }

    private static func reset(
        _ group: String, _ topic: String, to start: StartPosition
    ) -> RemotingCommand {
        var command = RemotingCommand.request(
            .invokeBrokerToResetOffset,
            fields: ["group": group, "isForce": "true", "topic": topic])
        switch start {
        case .first:
            command["offset"] = "0"
            command["timestamp"] = "0"
        case .last: command["timestamp"] = "-1"
        case .time(let time): command["timestamp"] = String(time.milliseconds)
        }
        return command
    }

    private func commitStart(
        of group: String, in topic: String, at start: StartPosition, brokerName: String? = nil
    ) async throws(AccessError) -> [QueuePosition] {
        var moved: [QueuePosition] = []
        for queue in try await self.route(of: topic).readableQueues(of: topic)
        where brokerName == nil || queue.queue.brokerName == brokerName {
            let offset = try await self.offset(in: queue, at: start)
            try await self.commit(offset, of: group, in: queue)
            moved.append(QueuePosition(queue.queue, offset))
        }
        return moved
    }

    /// Sets the offsets of one group to those of another, which need not be at work.
    func cloneOffsets(
        of source: String, to target: String, topic: String?
    ) async throws(AccessError) {
        for master in try await self.masters() {
            var command = RemotingCommand.request(
                .cloneGroupOffset,
                fields: ["destGroup": target, "offline": "true", "srcGroup": source])
            command["topic"] = topic
            _ = try await self.call(command, to: master.address)
        }
    }
}
