package import MessageFormat

/// A group of which its brokers remember more than the controllers: those have lost their disks, or
/// were restored from an older copy. Nobody is elected until all who may have everything are heard.
///
/// What to say of it: the controllers have lost what they knew of the group; one of `members` has
/// everything acknowledged; start `waitingFor` again, with the data directories that they had. An id
/// in `replaced` was given to another broker meanwhile: stop that one and
/// `apus broker clean GROUP --id ID --yes`; the earlier one joins by itself. Only if those that are
/// waited for are gone for good: `apus broker elect GROUP --force --yes`, which loses what they
/// alone held. Never advise to clean or to empty one of `members`.
package struct ForgottenGroup: Hashable, Sendable {
    /// Whom nobody has heard of yet; ids ascending.
    package var waitingFor: [Int64]
    /// The newest SyncStateSet that anybody remembers; empty: nobody remembers one.
    package var members: [Int64]
    /// Of those waited for: ids that another broker has now.
    package var replaced: [Int64]
    /// Brokers with a log of the group and without a memory of its sets. If they are all there is,
    /// only the operator can tell whether somebody else has more.
    package var unvouched: [Int64]
    /// So many of `members` have lost a part of their logs that nobody is elected without an operator,
    /// who has `waitingFor` started before.
    package var lost: [Int64]
    /// The epochs of that set.
    package var masterEpoch: Epoch
    package var syncStateSetEpoch: Int32

    package init(
        waitingFor: [Int64], members: [Int64], replaced: [Int64] = [], unvouched: [Int64] = [],
        lost: [Int64] = [],
        masterEpoch: Epoch = Epoch(0), syncStateSetEpoch: Int32 = 0
    ) {
        self.waitingFor = waitingFor
        self.members = members
        self.replaced = replaced
        self.unvouched = unvouched
        self.lost = lost
        self.masterEpoch = masterEpoch
        self.syncStateSetEpoch = syncStateSetEpoch
    }
}

/// A broker that knows an epoch of its group that these controllers never gave out, while the group
/// has a master that goes on.
///
/// What to say of it: these controllers have lost their memory, or the broker belongs to another
/// cluster. Its data is kept: do not clean it and do not empty it. To go on with what it has: stop
/// the present master, keep its directory, then `apus broker elect GROUP --force --yes` (which leaves
/// behind what only the present master took). To go on with the present master: stop this broker and
/// move its directory away, then `apus broker clean GROUP --id ID --yes`. With
/// `masterHasMore` false and the broker only one of a healthy group, its claim may also be made up.
package struct EpochConflict: Hashable, Sendable {
    package var brokerID: Int64
    package var brokerAddress: String
    /// The newest epoch that the broker knows of.
    package var epoch: Epoch
    /// The newest epoch that the controllers know of.
    package var groupEpoch: Epoch
    /// Whether the present master has, or may have, acknowledged messages of its own.
    package var masterHasMore: Bool

    package init(
        brokerID: Int64, brokerAddress: String, epoch: Epoch, groupEpoch: Epoch,
        masterHasMore: Bool
    ) {
        self.brokerID = brokerID
        self.brokerAddress = brokerAddress
        self.epoch = epoch
        self.groupEpoch = groupEpoch
        self.masterHasMore = masterHasMore
    }
}

extension ForgottenGroup: JSONBody {
    package init(json: JSONValue) throws(BodyError) {
        self.init(
            waitingFor: try json.ids("waitingFor"), members: try json.ids("members"),
            replaced: try json.ids("replaced"), unvouched: try json.ids("unvouched"),
            lost: try json.ids("lost"),
            masterEpoch: try json.epoch("masterEpoch"),
            syncStateSetEpoch: try json.int32("syncStateSetEpoch", default: 0))
    }

    package var json: JSONValue {
        [
            "lost": .ids(self.lost), "masterEpoch": .integer(Int64(self.masterEpoch.value)),
            "members": .ids(self.members), "replaced": .ids(self.replaced),
            "syncStateSetEpoch": .integer(Int64(self.syncStateSetEpoch)),
            "unvouched": .ids(self.unvouched), "waitingFor": .ids(self.waitingFor),
        ]
    }
}

extension EpochConflict: JSONBody {
    package init(json: JSONValue) throws(BodyError) {
        guard let id = json["brokerId"]?.int64 else { throw .missing(field: "brokerId") }
        self.init(
            brokerID: id, brokerAddress: json["brokerAddress"]?.text ?? "",
            epoch: try json.epoch("epoch"), groupEpoch: try json.epoch("groupEpoch"),
            masterHasMore: try json.bool("masterHasMore", default: true))
    }

    package var json: JSONValue {
        [
            "brokerAddress": .string(self.brokerAddress), "brokerId": .integer(self.brokerID),
            "epoch": .integer(Int64(self.epoch.value)),
            "groupEpoch": .integer(Int64(self.groupEpoch.value)),
            "masterHasMore": .bool(self.masterHasMore),
        ]
    }
}

extension JSONValue {
    fileprivate static func ids(_ ids: [Int64]) -> JSONValue {
        .array(ids.map { .integer($0) })
    }

    fileprivate func ids(_ field: String) throws(BodyError) -> [Int64] {
        guard let elements = self[field]?.elements else { return [] }
        return elements.compactMap(\.int64)
    }

    fileprivate func epoch(_ field: String) throws(BodyError) -> Epoch {
        guard let epoch = UInt32(exactly: try self.int64(field, default: 0)) else {
            throw .wrongType(field: field, expected: "an epoch")
        }
        return Epoch(epoch)
    }
}
