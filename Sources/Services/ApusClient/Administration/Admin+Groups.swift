import ClientEngine
import MessageFormat
import RemotingProtocol

/// How far a group is on a queue.
public struct GroupProgress: Hashable, Sendable {
    /// The offset that the next message will get.
    public var brokerOffset: Int64
    /// What the group has committed.
    public var consumerOffset: Int64
    /// What the group's members have pulled.
    public var pullOffset: Int64

    /// Messages that the group has not acknowledged.
    public var lag: Int64 { max(0, self.brokerOffset - self.consumerOffset) }
}

/// A member of a group that is connected.
public struct GroupMember: Hashable, Sendable {
    /// The id under which brokers know it.
    public var clientID: String
    /// `ip:port` of its end of the connection.
    public var address: String
    /// The language of its client library, as the protocol names it: `OTHER` for this one.
    public var language: String
    /// The protocol version that it speaks, as a number of the wire.
    public var version: Int
}

extension Admin {
    /// The names of all groups that the brokers know, sorted.
    public func groups() async throws(ApusClientError) -> [String] {
        let what = "asking for all groups"
        var names: Set<String> = []
        for address in try await self.masters(.all) {
            let answer = try await self.connection.call(
                .request(.getAllSubscriptionGroupConfig), to: address, during: what)
            let table = try ClientConnection.body(
                SubscriptionGroupTable.self, of: answer, during: what)
            names.formUnion(table.groups.map(\.name))
        }
        return names.sorted()
    }

    /// The group's connected members; empty if there are none.
    public func members(
        ofGroup group: String
    ) async throws(ApusClientError) -> [GroupMember] {
        let what = "asking for the members of group \(group)"
        var members: [String: GroupMember] = [:]
        for address in try await self.masters(.all) {
            let answer = try await self.connection.call(
                .request(.getConsumerConnectionList, fields: ["consumerGroup": group]),
                to: address, accepting: [.success, .consumerNotOnline], during: what)
            guard answer.responseCode == .success else { continue }
            let list = try ClientConnection.body(ConnectionList.self, of: answer, during: what)
            for connection in list.connections {
                members[connection.clientID] = GroupMember(
                    clientID: connection.clientID, address: connection.address,
                    language: connection.language.name, version: Int(connection.version))
            }
        }
        return members.values.sorted { $0.clientID < $1.clientID }
    }

    /// The group's progress on every queue, of one topic or of all that it has offsets for.
    public func progress(
        ofGroup group: String, topic: String? = nil
    ) async throws(ApusClientError) -> [TopicQueue: GroupProgress] {
        let what = "asking for the progress of group \(group)"
        var request = RemotingCommand.request(
            .getConsumeStats, fields: ["consumerGroup": group])
        request["topic"] = topic
        var progress: [TopicQueue: GroupProgress] = [:]
        for address in try await self.masters(.all) {
            let answer = try await self.connection.call(
                request, to: address,
                accepting: [.success, .subscriptionGroupNotExist, .topicNotExist],
                during: what)
            guard answer.responseCode == .success else { continue }
            let stats = try ClientConnection.body(ConsumeStats.self, of: answer, during: what)
            for (queue, offsets) in stats.queues {
                progress[TopicQueue(queue)] = GroupProgress(
                    brokerOffset: offsets.brokerOffset, consumerOffset: offsets.consumerOffset,
                    pullOffset: offsets.pullOffset)
            }
        }
        return progress
    }

    /// Removes the group and its offsets from the brokers.
    public func deleteGroup(
        _ group: String, on selection: BrokerSelection = .all
    ) async throws(ApusClientError) {
        for address in try await self.masters(selection) {
            _ = try await self.connection.call(
                .request(
                    .deleteSubscriptionGroup,
                    fields: ["cleanOffset": "true", "groupName": group]),
                to: address, during: "deleting group \(group)")
        }
    }
}
