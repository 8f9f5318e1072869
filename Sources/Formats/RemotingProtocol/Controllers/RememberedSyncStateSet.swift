package import MessageFormat

/// Who may hold what was acknowledged, as one broker remembers it: the newest SyncStateSet that it
/// heard of, and whom it wanted to have in it since.
///
/// Controllers that have lost their disks need it: everybody of the newest one must be heard before
/// somebody may lead the group again.
package struct RememberedSyncStateSet: Hashable, Sendable {
    package var masterEpoch: Epoch
    package var syncStateSetEpoch: Int32
    /// Broker ids, ascending; never empty.
    package var members: [Int64]

    private static let membersMax = 64

    package init(masterEpoch: Epoch, syncStateSetEpoch: Int32, members: [Int64]) {
        self.masterEpoch = masterEpoch
        self.syncStateSetEpoch = syncStateSetEpoch
        self.members = members
    }

    /// One line, `MASTER-EPOCH#SYNC-STATE-SET-EPOCH#1,2,3`: on disk and in headers.
    package init?(text: String) {
        let parts = text.split(separator: "#", omittingEmptySubsequences: false)
        guard parts.count == 3, let masterEpoch = Int32(parts[0]), masterEpoch > 0,
            let setEpoch = Int32(parts[1]), setEpoch >= 0
        else { return nil }
        let texts = parts[2].split(separator: ",", omittingEmptySubsequences: false)
        let members = texts.compactMap { Int64($0) }.filter { $0 > 0 }
        guard members.count == texts.count, members.count <= Self.membersMax else { return nil }
        self.init(
            masterEpoch: Epoch(UInt32(masterEpoch)), syncStateSetEpoch: setEpoch,
            members: Set(members).sorted())
    }

    package var text: String {
        let members = self.members.map(String.init).joined(separator: ",")
        return "\(self.masterEpoch.value)#\(self.syncStateSetEpoch)#\(members)"
    }
}

extension RememberedSyncStateSet {
    init?(_ command: ReceivedCommand) throws(HeaderFieldError) {
        guard let text = command.nonEmptyString("rememberedSyncStateSet") else { return nil }
        guard let remembered = Self(text: text) else {
            throw HeaderFieldError(
                field: "rememberedSyncStateSet", problem: "is not EPOCH#EPOCH#ID,ID,…")
        }
        self = remembered
    }

    var fields: [HeaderField] { [HeaderField("rememberedSyncStateSet", self.text)] }
}
