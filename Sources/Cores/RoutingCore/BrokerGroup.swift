package import MessageFormat

/// Names one broker: its group's name, and its id there.
package struct BrokerKey: Hashable, Comparable, Sendable {
    package var name: String
    package var id: Int64

    package init(name: String, id: Int64) {
        self.name = name
        self.id = id
    }

    package static func < (left: Self, right: Self) -> Bool {
        (left.name, left.id) < (right.name, right.id)
    }
}

/// The brokers that share a name: a master and its replicas, by id.
package struct BrokerGroup: Hashable, Sendable {
    /// The id under which a group's master registers.
    package static let masterID: Int64 = 0

    package struct Member: Hashable, Sendable {
        package var address: String
        /// Where replicas fetch the log.
        package var replicationAddress: String
        package var dataVersion: DataVersion
    }

    package var cluster: String
    /// A replica may stand in, for reading, for a master that is gone.
    package var usesActingMaster = false
    internal(set) package var members: [Int64: Member] = [:]

    package var master: Member? { self.members[Self.masterID] }
    package var smallestID: Int64? { self.members.keys.min() }

    package func id(at address: String) -> Int64? {
        self.members.first { $0.value.address == address }?.key
    }

    package func member(at address: String) -> Member? {
        self.members.values.first { $0.address == address }
    }
}
