package import MessageFormat

/// Why a command changed nothing. Every controller comes to the same refusal.
package enum ControllerRefusal: Error, Hashable, Sendable {
    case unknownGroup(String)
    case unknownBroker(String, Int64)
    /// The group's name is taken in another cluster.
    case otherCluster(group: String, cluster: String)
    case badName(String)
    case badAddress(String)
    case tooManyGroups(max: Int)
    case tooManyBrokers(max: Int)
    /// The id cannot be claimed: somebody else has it, or it is not its turn.
    case idNotAvailable(Int64, next: Int64)
    case badCheckCode(String)
    /// The id that a broker had once belongs to another one now.
    case idGivenAway(Int64, address: String)
    /// The broker that has this id is alive somewhere else.
    case idInUse(Int64, address: String)

    case notMaster(claimed: Int64, master: Int64?)
    case staleMasterEpoch(claimed: Epoch, current: Epoch)
    case staleSyncStateSetEpoch(claimed: Int32, current: Int32)
    case notRegistered(Int64)
    case notAlive(Int64)
    case masterMissing(Int64)

    /// The master keeps at least so many.
    case setTooSmall(min: Int)
    /// The broker does not show what its id was given for.
    case otherCheckCode(Int64)
    case notFounder(Int64)

    case masterStillExists(Int64)
    /// Nobody who may be elected is alive.
    case nobodyElectable(String)
    case epochsExhausted

    case cleanRefused(String)
    case badController(String)
}

extension ControllerRefusal: CustomStringConvertible {
    package var description: String {
        switch self {
        case .unknownGroup(let name): "no broker of the group \(name) is registered"
        case .unknownBroker(let name, let id): "the group \(name) has no broker \(id)"
        case .otherCluster(let group, let cluster):
            "the group \(group) belongs to the cluster \(cluster)"
        case .badName(let problem), .badAddress(let problem), .badCheckCode(let problem),
            .cleanRefused(let problem), .badController(let problem):
            problem
        case .tooManyGroups(let max): "there are \(max) groups already, more are not kept"
        case .tooManyBrokers(let max): "the group has \(max) brokers already, more are not kept"
        case .idNotAvailable(let id, let next):
            "the broker id \(id) cannot be claimed, the next one is \(next)"
        case .idGivenAway(let id, let address):
            "the id \(id) was given to "
                + (address.isEmpty ? "another broker" : "the broker at \(address)")
        case .idInUse(let id, let address):
            "the broker id \(id) is alive at \(address); is its data directory in use twice?"
        case .notMaster(let claimed, let master):
            "broker \(claimed) is not the master, \(master.map(String.init) ?? "nobody") is"
        case .staleMasterEpoch(let claimed, let current):
            "the master epoch is \(current.value), not \(claimed.value)"
        case .staleSyncStateSetEpoch(let claimed, let current):
            "the SyncStateSet epoch is \(current), not \(claimed)"
        case .notRegistered(let id): "broker \(id) is not registered"
        case .notAlive(let id): "broker \(id) is not alive"
        case .masterMissing(let id): "the SyncStateSet lacks the master, broker \(id)"
        case .setTooSmall(let min): "the SyncStateSet keeps at least \(min) members"
        case .otherCheckCode(let id):
            "the id \(id) was given for another check code than this one; a broker that never held "
                + "messages joins with a new id when its directory is emptied, others keep their data"
        case .notFounder(let id): "broker \(id) is not alone since the group was founded"
        case .masterStillExists(let id): "the master, broker \(id), is alive"
        case .nobodyElectable(let why): "nobody can be elected: \(why)"
        case .epochsExhausted: "no epoch is left"
        }
    }
}
