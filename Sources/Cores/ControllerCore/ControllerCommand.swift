package import MessageFormat

/// A change of the controllers' state, as it goes through the Raft log.
package enum ControllerCommand: Hashable, Sendable {
    case applyBrokerID(ApplyBrokerID)
    case registerBroker(RegisterBroker)
    case alterSyncStateSet(AlterSyncStateSet)
    case elect(Elect)
    case clean(Clean)
    case noteConfirmed(NoteConfirmed)
    /// A controller's address; nil forgets it.
    case setController(id: String, address: String?)
    case forgetFounder(ForgetFounder)

    package struct ApplyBrokerID: Hashable, Sendable {
        package var group: String
        package var cluster: String
        package var brokerID: Int64
        package var checkCode: String
        /// The broker had this id before the controllers lost or forgot it.
        package var isReturning: Bool

        package init(
            group: String, cluster: String, brokerID: Int64, checkCode: String,
            isReturning: Bool = false
        ) {
            self.group = group
            self.cluster = cluster
            self.brokerID = brokerID
            self.checkCode = checkCode
            self.isReturning = isReturning
        }
    }

    package struct RegisterBroker: Hashable, Sendable {
        package var group: String
        /// Empty: not said.
        package var cluster: String
        package var brokerID: Int64
        package var address: String
        package var replicationAddress: String
        package var incarnation: UInt64
        /// What the broker claimed its id with; nil: not said.
        package var checkCode: String?

        package init(
            group: String, cluster: String, brokerID: Int64, address: String,
            replicationAddress: String, incarnation: UInt64, checkCode: String? = nil
        ) {
            self.group = group
            self.cluster = cluster
            self.brokerID = brokerID
            self.address = address
            self.replicationAddress = replicationAddress
            self.incarnation = incarnation
            self.checkCode = checkCode
        }
    }

    package struct AlterSyncStateSet: Hashable, Sendable {
        package var group: String
        package var masterBrokerID: Int64
        package var masterEpoch: Epoch
        package var syncStateSet: [Int64]
        package var syncStateSetEpoch: Int32
        /// Which brokers of the group the leader held for dead when it proposed this.
        package var dead: [Int64]

        package init(
            group: String, masterBrokerID: Int64, masterEpoch: Epoch, syncStateSet: [Int64],
            syncStateSetEpoch: Int32, dead: [Int64]
        ) {
            self.group = group
            self.masterBrokerID = masterBrokerID
            self.masterEpoch = masterEpoch
            self.syncStateSet = syncStateSet
            self.syncStateSetEpoch = syncStateSetEpoch
            self.dead = dead
        }
    }

    package struct Elect: Hashable, Sendable {
        package var group: String
        /// The epoch that the proposer knew.
        package var masterEpoch: Epoch
        package var cause: ElectionCause
        /// Every broker of the group that is alive.
        package var candidates: [ElectionCandidate]
        /// The master, if it is alive.
        package var livingMaster: Int64?

        package init(
            group: String, masterEpoch: Epoch, cause: ElectionCause,
            candidates: [ElectionCandidate], livingMaster: Int64?
        ) {
            self.group = group
            self.masterEpoch = masterEpoch
            self.cause = cause
            self.candidates = candidates
            self.livingMaster = livingMaster
        }
    }

    package struct Clean: Hashable, Sendable {
        package var group: String
        /// Empty: not said.
        package var cluster: String
        /// Empty: all.
        package var brokerIDs: [Int64]
        package var living: [Int64]
        package var cleansLiving: Bool

        package init(
            group: String, cluster: String, brokerIDs: [Int64], living: [Int64],
            cleansLiving: Bool
        ) {
            self.group = group
            self.cluster = cluster
            self.brokerIDs = brokerIDs
            self.living = living
            self.cleansLiving = cleansLiving
        }
    }

    package struct NoteConfirmed: Hashable, Sendable {
        package var group: String
        package var masterEpoch: Epoch
        package var confirmed: PhysicalOffset

        package init(group: String, masterEpoch: Epoch, confirmed: PhysicalOffset) {
            self.group = group
            self.masterEpoch = masterEpoch
            self.confirmed = confirmed
        }
    }

    package struct ForgetFounder: Hashable, Sendable {
        package var group: String
        /// The epoch that the proposer knew.
        package var masterEpoch: Epoch
        package var brokerID: Int64

        package init(group: String, masterEpoch: Epoch, brokerID: Int64) {
            self.group = group
            self.masterEpoch = masterEpoch
            self.brokerID = brokerID
        }
    }

    /// The broker group that it is about.
    package var group: String? {
        switch self {
        case .applyBrokerID(let command): command.group
        case .registerBroker(let command): command.group
        case .alterSyncStateSet(let command): command.group
        case .elect(let command): command.group
        case .clean(let command): command.group
        case .noteConfirmed(let command): command.group
        case .forgetFounder(let command): command.group
        case .setController: nil
        }
    }
}
