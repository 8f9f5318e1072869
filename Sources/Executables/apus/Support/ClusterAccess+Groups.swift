import Chaos
import MessageFormat
import RemotingProtocol

/// A live member of a consumer group.
struct GroupMemberInfo: Hashable, Sendable {
    var clientID: String
    var address: String
    var language: String
    var subscriptions: [String]

    var json: JSONValue {
        [
            "clientID": .string(self.clientID), "address": .string(self.address),
            "language": .string(self.language), "subscriptions": .strings(self.subscriptions),
        ]
    }
}

/// How far a group is behind in one queue.
struct QueueLag: Sendable {
    var queue: MessageQueue
    var committed: Int64
    var end: Int64

    var lag: Int64 { max(0, self.end - self.committed) }

    var json: JSONValue {
        [
            "topic": .string(self.queue.topic), "broker": .string(self.queue.brokerName),
            "queue": .integer(Int64(self.queue.queueID)), "committed": .integer(self.committed),
            "maxOffset": .integer(self.end), "lag": .integer(self.lag),
        ]
    }
}

extension ClusterAccess {
    /// The groups that any broker knows, sorted; each once.
    func groups() async throws(AccessError) -> [SubscriptionGroupConfig] {
        var groups: [String: SubscriptionGroupConfig] = [:]
        for master in try await self.masters() {
            let answer = try await self.call(
                .request(.getAllSubscriptionGroupConfig), to: master.address)
            let table: SubscriptionGroupTable = try Self.body(of: answer, from: master.address)
            for group in table.groups { groups[group.name] = group }
        }
        return groups.values.sorted { $0.name < $1.name }
    }

    /// The members that are connected to any broker, sorted; each once.
    func members(of group: String) async throws(AccessError) -> [GroupMemberInfo] {
        var members: [String: GroupMemberInfo] = [:]
        for master in try await self.masters() {
            let answer = try await self.call(
                .request(.getConsumerConnectionList, fields: ["consumerGroup": group]),
                to: master.address, accepting: [.success, .consumerNotOnline, .systemError])
            guard answer.responseCode == .success else { continue }
            let list: ConnectionList = try Self.body(of: answer, from: master.address)
            let subscriptions = list.consumers?.subscriptions.map {
                "\($0.topic): \($0.expression)"
            }
            for connection in list.connections {
                members[connection.clientID] = GroupMemberInfo(
                    clientID: connection.clientID, address: connection.address,
                    language: connection.language.name, subscriptions: subscriptions ?? [])
            }
        }
        return members.values.sorted { $0.clientID < $1.clientID }
    }

    /// Who came to the group and who left it, as the first master saw it that saw any of it: all
    /// members are connected to all of them. The oldest first.
    func history(of group: String) async throws(AccessError) -> [GroupHistoryList.Event] {
        for master in try await self.masters() {
            let answer = try await self.call(
                .request(.getGroupHistory, fields: ["consumerGroup": group]),
                to: master.address, accepting: [.success, .requestCodeNotSupported])
            guard answer.responseCode == .success else { continue }
            let list: GroupHistoryList = try Self.body(of: answer, from: master.address)
            if !list.events.isEmpty { return list.events }
        }
        return []
    }

    /// What a group has committed and what there is, for every queue that it has read.
    func lag(of group: String, topic: String?) async throws(AccessError) -> [QueueLag] {
        var rows: [QueueLag] = []
        for master in try await self.masters() {
            var command = RemotingCommand.request(
                .getConsumeStats, fields: ["consumerGroup": group])
            command["topic"] = topic
            let answer = try await self.call(command, to: master.address)
            let stats: ConsumeStats = try Self.body(of: answer, from: master.address)
            rows += stats.queues.map { queue, ends in
                QueueLag(
                    queue: queue, committed: ends.consumerOffset, end: ends.brokerOffset)
            }
        }
        return rows.sorted { $0.queue < $1.queue }
    }
}
