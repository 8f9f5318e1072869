package import MessageFormat

/// What the controllers have committed about one broker group: who is master, in which epoch, and
/// who holds everything that was acknowledged.
///
/// Carried by the answers to heartbeats, registrations, elections and replica-info queries, and by
/// the notification of a role change. Views are ordered by (`masterEpoch`, `syncStateSetEpoch`); an
/// older one is ignored.
package struct GroupView: Hashable, Sendable {
    /// nil: nobody is master at the moment.
    package var masterBrokerID: Int64?
    package var masterAddress: String
    /// Where replicas of this master connect to.
    package var masterReplicationAddress: String
    package var masterEpoch: Epoch
    /// The master's start that was elected: a master that was restarted since is not meant.
    package var masterIncarnation: UInt64
    /// Broker ids, ascending.
    package var syncStateSet: [Int64]
    package var syncStateSetEpoch: Int32
    /// The group was founded by an empty broker that was always alone since: controllers that have
    /// lost their memory may have done so. Who remembers a set of an earlier life keeps it.
    package var isFresh: Bool

    package init(
        masterBrokerID: Int64?, masterAddress: String, masterReplicationAddress: String,
        masterEpoch: Epoch, masterIncarnation: UInt64, syncStateSet: [Int64],
        syncStateSetEpoch: Int32, isFresh: Bool = false
    ) {
        self.masterBrokerID = masterBrokerID
        self.masterAddress = masterAddress
        self.masterReplicationAddress = masterReplicationAddress
        self.masterEpoch = masterEpoch
        self.masterIncarnation = masterIncarnation
        self.syncStateSet = syncStateSet
        self.syncStateSetEpoch = syncStateSetEpoch
        self.isFresh = isFresh
    }
}
