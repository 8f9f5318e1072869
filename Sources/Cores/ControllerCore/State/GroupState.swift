package import MessageFormat

/// What controllers agree on about one broker group.
///
/// Invariants: brokers have ids below `nextBrokerID`; the master and every member of the
/// SyncStateSet are registered; the set ascends; epochs never go back.
package struct GroupState: Hashable, Sendable {
    package let cluster: String
    package internal(set) var brokers: [Int64: RegisteredBroker] = [:]
    package internal(set) var nextBrokerID: Int64 = 1
    package internal(set) var masterBrokerID: Int64?
    package internal(set) var masterEpoch = Epoch(0)
    /// The start of the master that was elected.
    package internal(set) var masterIncarnation: UInt64 = 0
    package internal(set) var syncStateSet: [Int64] = []
    package internal(set) var syncStateSetEpoch: Int32 = 0
    /// Everything below was acknowledged, as far as this was worth writing down, or may have been:
    /// a broker that has less and does not know better has lost its disk.
    package internal(set) var confirmed = PhysicalOffset.zero
    /// The newest election that may have lost something; later ones kept all that was confirmed.
    package internal(set) var cleanSince = Epoch(0)
    /// These controllers founded the group with the election of an empty broker, and its SyncStateSet
    /// never had a second member: should others know of an earlier life of the group, that election
    /// can be taken back.
    package internal(set) var isFresh = false
    /// The founding election that was taken back; nil: the group goes on from what is known here.
    package internal(set) var forgotten: ForgottenFounder?

    /// The newest election came after the controllers' own loss, and the set is as it left it.
    package internal(set) var recovery: RecoveryBasis?

    init(cluster: String) { self.cluster = cluster }

    /// Nobody was ever elected, as far as these controllers know.
    package var isNew: Bool { self.masterEpoch == Epoch(0) }

    /// Only brokers can say who has what was acknowledged.
    package var isUnknown: Bool { self.isNew || self.forgotten != nil }

    package var master: RegisteredBroker? { self.masterBrokerID.flatMap { self.brokers[$0] } }

    /// The elected master's process is known to be gone: the broker has been started again.
    package var isMasterReplaced: Bool {
        self.master.map { $0.incarnation != self.masterIncarnation } ?? false
    }
}

/// The broker that led a group before it was known that the group had lived earlier.
package struct ForgottenFounder: Hashable, Sendable {
    package internal(set) var brokerID: Int64
    package internal(set) var checkCode: String
    /// The broker that had this id in the earlier life has it again.
    package internal(set) var isReplaced = false
}

/// A broker that has an id.
package struct RegisteredBroker: Hashable, Sendable {
    /// Empty until the broker has registered under its id.
    package internal(set) var address: String = ""
    package internal(set) var replicationAddress: String = ""
    /// What the broker showed when it claimed its id: who shows it again is the same broker.
    package let registerCheckCode: String
    package internal(set) var incarnation: UInt64 = 0
    /// It has shown its check code when it registered, so whoever does not is somebody else.
    package internal(set) var showsCheckCode = false

    init(registerCheckCode: String) { self.registerCheckCode = registerCheckCode }
}
