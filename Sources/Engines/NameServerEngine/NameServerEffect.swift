package import RemotingProtocol
package import RoutingCore

/// What a name server wants done. To be carried out in order.
package enum NameServerEffect: Hashable, Sendable {
    case reply(ConnectionID, RemotingCommand, as: SerializationType)
    case close(ConnectionID)
    /// For the log: operators read from it which broker came and went, and why.
    case report(NameServerEvent)
}

/// A change of what the name server knows.
package enum NameServerEvent: Hashable, Sendable {
    package enum Reason: String, Hashable, Sendable {
        case connectionClosed = "its connection closed"
        case silent = "it was silent for too long"
        case signedOff = "it signed off"
    }

    case brokerRegistered(BrokerKey, address: String, topics: Int)
    case brokerGone(BrokerKey, address: String, because: Reason)
    /// A deposed master came back under an id that a newer broker holds.
    case registrationIgnored(BrokerKey, address: String, holder: String)
    case writePermissionWiped(broker: String, topics: Int)
    case writePermissionAdded(broker: String, topics: Int)
    case topicDeleted(String)
    case settingsChanged([String])
}

extension NameServerEvent: CustomStringConvertible {
    package var description: String {
        switch self {
        case .brokerRegistered(let broker, let address, let topics):
            "broker \(broker.name)/\(broker.id) at \(address) registered, \(topics) topics"
        case .brokerGone(let broker, let address, let reason):
            "broker \(broker.name)/\(broker.id) at \(address) is gone: \(reason.rawValue)"
        case .registrationIgnored(let broker, let address, let holder):
            "broker \(broker.name)/\(broker.id) at \(address) ignored: "
                + "\(holder) has this id with a newer state"
        case .writePermissionWiped(let broker, let topics):
            "broker \(broker) is no longer written to, \(topics) topics"
        case .writePermissionAdded(let broker, let topics):
            "broker \(broker) is written to again, \(topics) topics"
        case .topicDeleted(let topic): "topic \(topic) deleted from the routes"
        case .settingsChanged(let keys): "settings changed: \(keys.joined(separator: ", "))"
        }
    }
}
