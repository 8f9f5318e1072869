package import MessageFormat

/// What a broker says of itself in a heartbeat.
package struct BrokerReport: Hashable, Sendable {
    package enum Role: String, Hashable, Sendable { case master, replica, fenced }

    package var incarnation: UInt64
    /// The epoch of the master that it obeys.
    package var masterEpoch: Epoch
    /// The newest epoch in its log.
    package var lastEpoch: Epoch
    /// The end of its log, as far as the log counts for acknowledgements.
    package var maxOffset: PhysicalOffset
    package var confirmOffset: PhysicalOffset
    package var priority: Int32
    package var role: Role
    /// Who may hold what was acknowledged, as the broker has it on disk.
    package var remembered: RememberedSet?
    /// As master it acknowledges nothing with fewer members in the SyncStateSet; nil: not said.
    package var minInSync: Int?

    package init(
        incarnation: UInt64, masterEpoch: Epoch, lastEpoch: Epoch, maxOffset: PhysicalOffset,
        confirmOffset: PhysicalOffset, priority: Int32, role: Role,
        remembered: RememberedSet? = nil, minInSync: Int? = nil
    ) {
        self.incarnation = incarnation
        self.masterEpoch = masterEpoch
        self.lastEpoch = lastEpoch
        self.maxOffset = maxOffset
        self.confirmOffset = confirmOffset
        self.priority = priority
        self.role = role
        self.remembered = remembered
        self.minInSync = minInSync
    }

    /// The newest epoch that the broker knows anything of.
    package var newestEpoch: Epoch {
        max(self.lastEpoch, self.masterEpoch, self.remembered?.masterEpoch ?? Epoch(0))
    }
}

/// The newest SyncStateSet that a broker heard of, with those that it wanted to add.
package struct RememberedSet: Hashable, Sendable {
    package var masterEpoch: Epoch
    package var syncStateSetEpoch: Int32
    package var members: [Int64]

    package init(masterEpoch: Epoch, syncStateSetEpoch: Int32, members: [Int64]) {
        self.masterEpoch = masterEpoch
        self.syncStateSetEpoch = syncStateSetEpoch
        self.members = members
    }
}

package struct BrokerKey: Hashable, Comparable, Sendable {
    package var group: String
    package var brokerID: Int64

    package init(group: String, brokerID: Int64) {
        self.group = group
        self.brokerID = brokerID
    }

    package static func < (left: Self, right: Self) -> Bool {
        (left.group, left.brokerID) < (right.group, right.brokerID)
    }
}
