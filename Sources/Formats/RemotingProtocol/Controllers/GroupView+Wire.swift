import MessageFormat

extension GroupView {
    /// Reads the view out of an answer or a notification; it needs its header and its body.
    package init(answer command: ReceivedCommand) throws(HeaderFieldError) {
        let body = try command.controllerBody(as: SyncStateSetBody.self)
        self.init(
            masterBrokerID: try command.int64("masterBrokerId"),
            masterAddress: command.string("masterAddress") ?? "",
            masterReplicationAddress: command.string("masterHaAddress") ?? "",
            masterEpoch: try command.epoch("masterEpoch"),
            masterIncarnation: try command.incarnation("masterIncarnation"),
            syncStateSet: body.syncStateSet,
            syncStateSetEpoch: try command.counter("syncStateSetEpoch"),
            isFresh: try command.bool("isFresh") ?? false)
    }

    /// A group without a master has no `masterBrokerId`.
    package var fields: [HeaderField] {
        var fields = [
            HeaderField("masterAddress", self.masterAddress),
            HeaderField("masterEpoch", self.masterEpoch.value),
            HeaderField("masterHaAddress", self.masterReplicationAddress),
            HeaderField("masterIncarnation", self.masterIncarnation),
            HeaderField("syncStateSetEpoch", self.syncStateSetEpoch),
        ]
        if let id = self.masterBrokerID { fields.append(HeaderField("masterBrokerId", id)) }
        if self.isFresh { fields.append(HeaderField("isFresh", true)) }
        return fields
    }

    package var body: [UInt8] {
        SyncStateSetBody(
            syncStateSet: self.syncStateSet, syncStateSetEpoch: self.syncStateSetEpoch
        ).encoded
    }

    /// Whether this view replaces `other`: views are ordered by their two epochs.
    package func isNewer(than other: GroupView) -> Bool {
        (self.masterEpoch.value, self.syncStateSetEpoch)
            > (other.masterEpoch.value, other.syncStateSetEpoch)
    }

    /// What a group looks like before anybody was elected.
    package static let none = GroupView(
        masterBrokerID: nil, masterAddress: "", masterReplicationAddress: "",
        masterEpoch: Epoch(0), masterIncarnation: 0, syncStateSet: [], syncStateSetEpoch: 0)
}

/// The SyncStateSet as bodies carry it. Ids are kept ascending and once each.
struct SyncStateSetBody: JSONBody {
    /// More than any group has; a body may say anything.
    static let membersMax = 1_024

    var syncStateSet: [Int64]
    var syncStateSetEpoch: Int32

    init(syncStateSet: [Int64], syncStateSetEpoch: Int32) {
        self.syncStateSet = syncStateSet
        self.syncStateSetEpoch = syncStateSetEpoch
    }

    init(json: JSONValue) throws(BodyError) {
        let elements = try json.elements("syncStateSet")
        guard elements.count <= Self.membersMax else {
            throw .wrongType(
                field: "syncStateSet", expected: "an array of at most \(Self.membersMax) ids")
        }
        let ids = try JSONValue.map(elements) { element throws(BodyError) -> Int64 in
            guard let id = element.int64, id >= 0 else {
                throw .wrongType(field: "syncStateSet", expected: "an array of broker ids")
            }
            return id
        }
        let epoch = try json.int32("syncStateSetEpoch", default: 0)
        guard epoch >= 0 else {
            throw .wrongType(field: "syncStateSetEpoch", expected: "zero or more")
        }
        self.init(syncStateSet: Set(ids).sorted(), syncStateSetEpoch: epoch)
    }

    var json: JSONValue {
        [
            "syncStateSet": .array(self.syncStateSet.map { .integer($0) }),
            "syncStateSetEpoch": .integer(Int64(self.syncStateSetEpoch)),
        ]
    }
}

/// Code 1008, one-way: a group's view changed.
package struct RoleChangedNotification: Hashable, Sendable {
    package var view: GroupView

    package init(view: GroupView) { self.view = view }

    package init(_ command: ReceivedCommand) throws(HeaderFieldError) {
        self.view = try GroupView(answer: command)
    }

    package var command: RemotingCommand {
        RemotingCommand(
            code: RequestCode.notifyBrokerRoleChanged.rawValue, flag: CommandFlag.oneWay,
            fields: self.view.fields, body: self.view.body)
    }
}
