package import MessageFormat

/// Code 1001: the master of a group wants another SyncStateSet. Compare-and-set on both epochs.
///
/// Answered with the resulting `GroupView`; a refusal carries the view that stands.
package struct AlterSyncStateSet: Hashable, Sendable {
    package var brokerName: String
    package var masterBrokerID: Int64
    package var masterEpoch: Epoch
    /// The set that is wanted; ids ascending.
    package var syncStateSet: [Int64]
    /// The epoch of the set that this one is to replace.
    package var syncStateSetEpoch: Int32

    package init(
        brokerName: String, masterBrokerID: Int64, masterEpoch: Epoch, syncStateSet: [Int64],
        syncStateSetEpoch: Int32
    ) {
        self.brokerName = brokerName
        self.masterBrokerID = masterBrokerID
        self.masterEpoch = masterEpoch
        self.syncStateSet = syncStateSet
        self.syncStateSetEpoch = syncStateSetEpoch
    }

    package init(_ command: ReceivedCommand) throws(HeaderFieldError) {
        let body = try command.controllerBody(as: SyncStateSetBody.self)
        self.init(
            brokerName: try command.filledString("brokerName"),
            masterBrokerID: try command.requiredInt64("masterBrokerId"),
            masterEpoch: try command.epoch("masterEpoch"),
            syncStateSet: body.syncStateSet, syncStateSetEpoch: body.syncStateSetEpoch)
    }

    package var command: RemotingCommand {
        RemotingCommand(
            .controllerAlterSyncStateSet,
            [
                HeaderField("brokerName", self.brokerName),
                HeaderField("masterBrokerId", self.masterBrokerID),
                HeaderField("masterEpoch", self.masterEpoch.value),
            ],
            body: SyncStateSetBody(
                syncStateSet: self.syncStateSet, syncStateSetEpoch: self.syncStateSetEpoch
            ).encoded)
    }
}

/// Code 1002: a broker or an operator asks for an election. Answered with a `GroupView`.
package struct ElectMaster: Hashable, Sendable {
    package var clusterName: String
    package var brokerName: String
    /// Who asks, or who is to be elected; nil (−1 on the wire): anybody.
    package var brokerID: Int64?
    /// Only `brokerID` will do, even where a master lives.
    package var designateElect: Bool
    /// The master asks: anybody of the SyncStateSet but me.
    package var handover: Bool
    /// Also somebody outside the SyncStateSet: acknowledged messages may be lost.
    package var force: Bool

    package init(
        clusterName: String, brokerName: String, brokerID: Int64?, designateElect: Bool = false,
        handover: Bool = false, force: Bool = false
    ) {
        self.clusterName = clusterName
        self.brokerName = brokerName
        self.brokerID = brokerID
        self.designateElect = designateElect
        self.handover = handover
        self.force = force
    }

    package init(_ command: ReceivedCommand) throws(HeaderFieldError) {
        let id = try command.int64("brokerId") ?? -1
        self.init(
            clusterName: command.string("clusterName") ?? "",
            brokerName: try command.filledString("brokerName"),
            brokerID: id < 0 ? nil : id,
            designateElect: try command.bool("designateElect") ?? false,
            handover: try command.bool("handover") ?? false,
            force: try command.bool("force") ?? false)
    }

    package var command: RemotingCommand {
        RemotingCommand(
            .controllerElectMaster,
            [
                HeaderField("brokerId", self.brokerID ?? -1),
                HeaderField("brokerName", self.brokerName),
                HeaderField("clusterName", self.clusterName),
                HeaderField("designateElect", self.designateElect),
                HeaderField("force", self.force),
                HeaderField("handover", self.handover),
            ])
    }
}

/// The body of an election's answer: the view's set, and where the group's brokers are.
package struct ElectMasterBody: Hashable, Sendable {
    package var members: BrokerMemberGroup
    package var syncStateSet: [Int64]
    package var syncStateSetEpoch: Int32

    package init(members: BrokerMemberGroup, syncStateSet: [Int64], syncStateSetEpoch: Int32) {
        self.members = members
        self.syncStateSet = syncStateSet
        self.syncStateSetEpoch = syncStateSetEpoch
    }
}

extension ElectMasterBody: JSONBody {
    package init(json: JSONValue) throws(BodyError) {
        let set = try SyncStateSetBody(json: json)
        self.init(
            members: try BrokerMemberGroup(json: json), syncStateSet: set.syncStateSet,
            syncStateSetEpoch: set.syncStateSetEpoch)
    }

    package var json: JSONValue {
        let set = SyncStateSetBody(
            syncStateSet: self.syncStateSet, syncStateSetEpoch: self.syncStateSetEpoch)
        return .object((self.members.json.members ?? []) + (set.json.members ?? []))
    }
}

/// Code 1004: who is master of that group? Answered with a `GroupView`.
package struct GetReplicaInfo: Hashable, Sendable {
    package var brokerName: String

    package init(brokerName: String) { self.brokerName = brokerName }

    package init(_ command: ReceivedCommand) throws(HeaderFieldError) {
        self.init(brokerName: try command.filledString("brokerName"))
    }

    package var command: RemotingCommand {
        RemotingCommand(
            .controllerGetReplicaInfo, [HeaderField("brokerName", self.brokerName)])
    }
}

/// Code 1011: forget brokers of a group, or the whole group.
package struct CleanBrokerData: Hashable, Sendable {
    package var clusterName: String
    package var brokerName: String
    /// Empty: all of them.
    package var brokerIDs: [Int64]
    package var isCleanLivingBroker: Bool

    package init(
        clusterName: String, brokerName: String, brokerIDs: [Int64],
        isCleanLivingBroker: Bool = false
    ) {
        self.clusterName = clusterName
        self.brokerName = brokerName
        self.brokerIDs = brokerIDs
        self.isCleanLivingBroker = isCleanLivingBroker
    }

    package init(_ command: ReceivedCommand) throws(HeaderFieldError) {
        self.init(
            clusterName: command.string("clusterName") ?? "",
            brokerName: try command.filledString("brokerName"),
            brokerIDs: try Self.ids(command.string("brokerControllerIdsToClean") ?? ""),
            isCleanLivingBroker: try command.bool("isCleanLivingBroker") ?? false)
    }

    /// Ids are written `1;2`.
    private static func ids(_ text: String) throws(HeaderFieldError) -> [Int64] {
        var ids: Set<Int64> = []
        for part in text.split(separator: ";") {
            guard let id = Int64(part), id >= 0, ids.count < SyncStateSetBody.membersMax else {
                throw HeaderFieldError(
                    field: "brokerControllerIdsToClean",
                    problem: "is not a list of broker ids such as 1;2")
            }
            ids.insert(id)
        }
        return ids.sorted()
    }

    package var command: RemotingCommand {
        var fields = [
            HeaderField("brokerName", self.brokerName),
            HeaderField("clusterName", self.clusterName),
            HeaderField("isCleanLivingBroker", self.isCleanLivingBroker),
        ]
        if !self.brokerIDs.isEmpty {
            let ids = self.brokerIDs.map(String.init).joined(separator: ";")
            fields.append(HeaderField("brokerControllerIdsToClean", ids))
        }
        return RemotingCommand(.cleanBrokerData, fields)
    }
}
