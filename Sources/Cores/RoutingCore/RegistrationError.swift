/// Why a broker's registration, or a part of it, was refused. Nothing of it was kept.
package enum RegistrationError: Error, Hashable, Sendable {
    case badName(field: String, problem: String)
    case negativeBrokerID(Int64)
    case badQueues(topic: String, read: Int32, write: Int32, max: Int32)
    /// The name belongs to a group that is alive in another cluster.
    case nameTaken(broker: String, cluster: String)
    /// See `RouteTable.register`: a broker's first registration has all its topics.
    case incrementalBeforeFull(broker: String, topic: String)
    case notRegistered(broker: String)
    case tooManyBrokers(max: Int)
    case tooManyTopics(max: Int)
    case tooManyShares(max: Int)
}

extension RegistrationError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .badName(let field, let problem): "\(field) \(problem)"
        case .negativeBrokerID(let id): "brokerId must not be negative, got \(id)"
        case .badQueues(let topic, let read, let write, let max):
            "topic \(topic) has \(read) read and \(write) write queues, 0 to \(max) are allowed"
        case .nameTaken(let broker, let cluster):
            "broker name \(broker) is in use in cluster \(cluster)"
        case .incrementalBeforeFull(let broker, let topic):
            "broker \(broker) registers topic \(topic) alone before it registered all its topics"
        case .notRegistered(let broker): "broker \(broker) is not registered"
        case .tooManyBrokers(let max): "the name server holds its maximum of \(max) brokers"
        case .tooManyTopics(let max): "the name server holds its maximum of \(max) topics"
        case .tooManyShares(let max):
            "the name server holds its maximum of \(max) topics on brokers"
        }
    }
}
