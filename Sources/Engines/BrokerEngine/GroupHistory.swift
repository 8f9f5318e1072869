import DeliveryCore
import MessageFormat
import RemotingProtocol

// Why a group's queues were shared out again: each broker tells what it saw itself.
extension BrokerEngine {
    mutating func groupHistory(_ command: ReceivedCommand, from caller: Caller) throws {
        let group = try command.requiredString("consumerGroup")
        let list = GroupHistoryList(
            group: group,
            events: self.memberHistory.events(of: group).map {
                GroupHistoryList.Event(
                    at: $0.at, clientID: $0.change.clientID, address: $0.change.address,
                    change: .init($0.change.kind), members: Int64($0.change.members))
            })
        self.succeed(caller, body: list.encoded)
    }
}

extension GroupHistoryList.Change {
    init(_ kind: MembershipChange.Kind) {
        self =
            switch kind {
            case .joined: .joined
            case .connectionClosed: .connectionClosed
            case .unregistered: .unregistered
            case .silent: .silent
            case .subscriptionChanged: .subscriptionChanged
            }
    }
}
