import ClientCore
import MessageFormat

/// How the queues of a topic are shared out among the members of a group.
///
/// Each member computes its own share: all of a group must use the same strategy, members that are
/// written with RocketMQ's clients included.
public enum AllocationStrategy: Hashable, Sendable {
    /// Blocks of neighbouring queues.
    case average
    /// Queues in turn.
    case averageByCircle
    /// By places on a ring: a member that comes or goes moves few queues.
    case consistentHash
    /// Only queues of brokers in these rooms; a broker's name is then `room@name`.
    case machineRoom(Set<String>)
    /// Queues go to members in their broker's room, those of rooms without a member to all. A
    /// member is in the room that is given for its client id, else in the one that its id names:
    /// `room@…`.
    case machineRoomNearby(roomOfMember: [String: String])
    /// Exactly these, whoever else is there.
    case fixed([TopicQueue])

    func allocation(in namespace: Namespace) -> GroupAllocation {
        switch self {
        case .average: .average
        case .averageByCircle: .averageByCircle
        case .consistentHash: .consistentHash()
        case .machineRoom(let rooms): .machineRoom(rooms)
        case .machineRoomNearby(let rooms):
            .machineRoomNearby(MachineRoomNearby(roomOfConsumer: rooms))
        case .fixed(let queues): .config(queues.map { namespace.full($0.queue) })
        }
    }
}
