package import MessageFormat

/// The body of code 1006: the groups that are asked about. Empty: all.
package struct SyncStateDataRequest: Hashable, Sendable {
    package var brokerNames: [String]

    package init(brokerNames: [String]) { self.brokerNames = brokerNames }

    package var command: RemotingCommand {
        .request(.controllerGetSyncStateData, body: self.encoded)
    }
}

extension SyncStateDataRequest: JSONBody {
    package init(json: JSONValue) throws(BodyError) {
        guard let elements = json.elements else {
            throw .wrongType(field: "brokerNames", expected: "an array of texts")
        }
        self.init(
            brokerNames: try JSONValue.map(elements) { value throws(BodyError) -> String in
                guard let text = value.text else {
                    throw .wrongType(field: "brokerNames", expected: "an array of texts")
                }
                return text
            })
    }

    package var json: JSONValue { .strings(self.brokerNames) }
}

/// The answer to code 1006: the replicas of each group, by broker name.
package struct SyncStateData: Hashable, Sendable {
    package var groups: [String: GroupReplicas]

    package init(groups: [String: GroupReplicas]) { self.groups = groups }
}

extension SyncStateData: JSONBody {
    package init(json: JSONValue) throws(BodyError) {
        self.groups = [:]
        for member in try json.members("replicasInfoTable") {
            self.groups[member.name] = try GroupReplicas(json: member.value)
        }
    }

    package var json: JSONValue {
        ["replicasInfoTable": .sorted(self.groups.mapValues(\.json))]
    }
}

/// One group's master and replicas, with what the controller's leader heard from them last.
package struct GroupReplicas: Hashable, Sendable {
    package var masterBrokerID: Int64?
    package var masterAddress: String
    package var masterEpoch: Epoch
    package var syncStateSetEpoch: Int32
    package var inSync: [ReplicaState]
    package var notInSync: [ReplicaState]
    /// Nil: the controllers know the group.
    package var recollecting: ForgottenGroup?
    package var conflicts: [EpochConflict]

    package init(
        masterBrokerID: Int64?, masterAddress: String, masterEpoch: Epoch,
        syncStateSetEpoch: Int32, inSync: [ReplicaState], notInSync: [ReplicaState],
        recollecting: ForgottenGroup? = nil, conflicts: [EpochConflict] = []
    ) {
        self.masterBrokerID = masterBrokerID
        self.masterAddress = masterAddress
        self.masterEpoch = masterEpoch
        self.syncStateSetEpoch = syncStateSetEpoch
        self.inSync = inSync
        self.notInSync = notInSync
        self.recollecting = recollecting
        self.conflicts = conflicts
    }
}

extension GroupReplicas: JSONBody {
    package init(json: JSONValue) throws(BodyError) {
        let epoch = try json.int64("masterEpoch", default: 0)
        guard let epoch = UInt32(exactly: epoch) else {
            throw .wrongType(field: "masterEpoch", expected: "an epoch")
        }
        self.init(
            masterBrokerID: json["masterBrokerId"]?.int64,
            masterAddress: json["masterAddress"]?.text ?? "", masterEpoch: Epoch(epoch),
            syncStateSetEpoch: try json.int32("syncStateSetEpoch", default: 0),
            inSync: try JSONValue.map(
                try json.elements("inSyncReplicas"), ReplicaState.init(json:)),
            notInSync: try JSONValue.map(
                try json.elements("notInSyncReplicas"), ReplicaState.init(json:)),
            recollecting: try json["recollecting"].map(ForgottenGroup.init(json:)),
            conflicts: try JSONValue.map(
                json["conflicts"]?.elements ?? [], EpochConflict.init(json:)))
    }

    package var json: JSONValue {
        var members: [JSONMember] = []
        if !self.conflicts.isEmpty {
            members.append(JSONMember("conflicts", .array(self.conflicts.map(\.json))))
        }
        members += [
            JSONMember("inSyncReplicas", .array(self.inSync.map(\.json))),
            JSONMember("masterAddress", .string(self.masterAddress)),
        ]
        if let id = self.masterBrokerID {
            members.append(JSONMember("masterBrokerId", .integer(id)))
        }
        members += [
            JSONMember("masterEpoch", .integer(Int64(self.masterEpoch.value))),
            JSONMember("notInSyncReplicas", .array(self.notInSync.map(\.json))),
            JSONMember("syncStateSetEpoch", .integer(Int64(self.syncStateSetEpoch))),
        ]
        if let recollecting = self.recollecting {
            members.append(JSONMember("recollecting", recollecting.json))
        }
        return .object(members)
    }
}

/// One broker of a group. RocketMQ's tools know the first four fields; the others are ours.
package struct ReplicaState: Hashable, Sendable {
    /// What its last heartbeat said.
    package struct Report: Hashable, Sendable {
        package var role: String
        package var lastEpoch: Epoch
        package var maxOffset: PhysicalOffset
        package var confirmOffset: PhysicalOffset
        package var ageMilliseconds: Int64
        /// Nil: the controller does not say.
        package var isDrained: Bool?

        package init(
            role: String, lastEpoch: Epoch, maxOffset: PhysicalOffset,
            confirmOffset: PhysicalOffset, ageMilliseconds: Int64, isDrained: Bool? = nil
        ) {
            self.role = role
            self.lastEpoch = lastEpoch
            self.maxOffset = maxOffset
            self.confirmOffset = confirmOffset
            self.ageMilliseconds = ageMilliseconds
            self.isDrained = isDrained
        }
    }

    package var brokerName: String
    package var brokerID: Int64
    package var brokerAddress: String
    package var isAlive: Bool
    /// Nil: the leader never heard of it.
    package var report: Report?

    package init(
        brokerName: String, brokerID: Int64, brokerAddress: String, isAlive: Bool,
        report: Report? = nil
    ) {
        self.brokerName = brokerName
        self.brokerID = brokerID
        self.brokerAddress = brokerAddress
        self.isAlive = isAlive
        self.report = report
    }
}

extension ReplicaState: JSONBody {
    package init(json: JSONValue) throws(BodyError) {
        guard let id = json["brokerId"]?.int64 else { throw .missing(field: "brokerId") }
        self.init(
            brokerName: json["brokerName"]?.text ?? "", brokerID: id,
            brokerAddress: json["brokerAddress"]?.text ?? "",
            isAlive: try json.bool("alive", default: false), report: try Report(json: json))
    }

    package var json: JSONValue {
        let members = [
            JSONMember("alive", .bool(self.isAlive)),
            JSONMember("brokerAddress", .string(self.brokerAddress)),
            JSONMember("brokerId", .integer(self.brokerID)),
            JSONMember("brokerName", .string(self.brokerName)),
        ]
        return .object(members + (self.report?.members ?? []))
    }
}

extension ReplicaState.Report {
    /// Nil where there is none: RocketMQ's controllers send none.
    init?(json: JSONValue) throws(BodyError) {
        guard let role = json["role"]?.text else { return nil }
        guard let epoch = UInt32(exactly: try json.int64("epoch", default: 0)) else {
            throw .wrongType(field: "epoch", expected: "an epoch")
        }
        self.init(
            role: role, lastEpoch: Epoch(epoch),
            maxOffset: PhysicalOffset(try json.int64("maxOffset", default: 0)),
            confirmOffset: PhysicalOffset(try json.int64("confirmOffset", default: 0)),
            ageMilliseconds: try json.int64("heartbeatAgeMillis", default: 0),
            isDrained: json["isDrained"]?.boolean)
    }

    var members: [JSONMember] {
        let members = [
            JSONMember("confirmOffset", .integer(self.confirmOffset.bytes)),
            JSONMember("epoch", .integer(Int64(self.lastEpoch.value))),
            JSONMember("heartbeatAgeMillis", .integer(self.ageMilliseconds)),
            JSONMember("maxOffset", .integer(self.maxOffset.bytes)),
            JSONMember("role", .string(self.role)),
        ]
        return members + (self.isDrained.map { [JSONMember("isDrained", .bool($0))] } ?? [])
    }
}
