import RemotingProtocol
import RoutingCore

/// What administrators ask about topics, and do to them.
extension NameServerEngine {
    /// Code 206.
    func getAllTopics(_ request: Request) -> Answer { Self.list(self.routes.topics.names) }

    /// Code 224.
    func getTopicsByCluster(_ request: Request) throws(RequestFailure) -> Answer {
        Self.list(self.routes.topics(inCluster: try request.text("cluster")))
    }

    /// Code 304. The address is that of some broker, which can be asked for its own.
    func getSystemTopics(_ request: Request) -> Answer {
        let address = self.routes.brokers.first?.addresses.min { $0.key < $1.key }?.value
        return Self.list(self.routes.systemTopics, brokerAddress: address)
    }

    /// Code 311: topics of a unit.
    func getUnitTopics(_ request: Request) -> Answer {
        Self.list(self.routes.topics.names { $0 & Self.unitFlag != 0 })
    }

    /// Code 312: topics with a subscription of a unit.
    func getUnitSubscribedTopics(_ request: Request) -> Answer {
        Self.list(self.routes.topics.names { $0 & Self.unitSubscriptionFlag != 0 })
    }

    /// Code 313: topics with a subscription of a unit that are not of a unit themselves.
    func getUnitSubscribedPlainTopics(_ request: Request) -> Answer {
        let both = Self.unitFlag | Self.unitSubscriptionFlag
        return Self.list(self.routes.topics.names { $0 & both == Self.unitSubscriptionFlag })
    }

    /// Code 216.
    mutating func deleteTopic(_ request: Request) throws(RequestFailure) -> Answer {
        let topic = try request.text("topic")
        self.routes.deleteTopic(topic, inCluster: request.command.nonEmptyString("clusterName"))
        return Answer(event: .topicDeleted(topic))
    }

    /// Code 205.
    mutating func wipeWritePermission(_ request: Request) throws(RequestFailure) -> Answer {
        let broker = try request.text("brokerName")
        let count = self.routes.wipeWritePermission(of: broker)
        return Answer(
            fields: [HeaderField("wipeTopicCount", "\(count)")],
            event: .writePermissionWiped(broker: broker, topics: count))
    }

    /// Code 327.
    mutating func addWritePermission(_ request: Request) throws(RequestFailure) -> Answer {
        let broker = try request.text("brokerName")
        let count = self.routes.addWritePermission(of: broker)
        return Answer(
            fields: [HeaderField("addTopicCount", "\(count)")],
            event: .writePermissionAdded(broker: broker, topics: count))
    }

    private static let unitFlag: Int32 = 1
    private static let unitSubscriptionFlag: Int32 = 2

    private static func list(_ topics: [String], brokerAddress: String? = nil) -> Answer {
        Answer(body: TopicList(topics: topics, brokerAddress: brokerAddress).encoded)
    }
}
