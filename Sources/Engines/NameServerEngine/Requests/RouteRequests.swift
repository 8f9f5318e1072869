import MessageFormat
import RemotingProtocol
import RoutingCore

/// Where topics and brokers are.
extension NameServerEngine {
    /// Code 105. Always standard JSON with quoted keys: every known client reads that form, so the
    /// request's version and `acceptStandardJsonOnly` make no difference.
    func getRoute(_ request: Request) throws(RequestFailure) -> Answer {
        let topic = try request.text("topic")
        let route = self.routes.route(
            of: topic, presentsActingMaster: self.settings.supportActingMaster)
        guard let route else { throw .noRoute(topic: topic) }
        return Answer(body: self.routeData(of: route, topic: topic).encoded)
    }

    private func routeData(of route: TopicRoute, topic: String) -> TopicRouteData {
        let order =
            self.settings.orderMessageEnable
            ? self.keyValues.value(of: topic, in: Self.orderNamespace) : nil
        return TopicRouteData(
            brokers: route.brokers.map(BrokerData.init),
            queues: route.queues.map {
                QueueData(
                    brokerName: $0.brokerName, readQueues: $0.share.readQueues,
                    writeQueues: $0.share.writeQueues, permission: $0.share.permission,
                    systemFlag: $0.share.systemFlag)
            },
            orderTopicConf: order)
    }

    /// Code 106.
    func getClusterInfo(_ request: Request) -> Answer {
        let brokers = self.routes.brokers.map { ($0.name, BrokerData($0)) }
        let info = ClusterInfo(
            brokers: Dictionary(uniqueKeysWithValues: brokers), clusters: self.routes.clusters)
        return Answer(body: info.encoded)
    }

    /// Code 901. An unknown group has no members.
    func getMemberGroup(_ request: Request) throws(RequestFailure) -> Answer {
        let name = try request.text("brokerName")
        let members = self.routes.groups[name]?.members ?? [:]
        let group = BrokerMemberGroup(
            cluster: try request.text("clusterName"), brokerName: name,
            addresses: members.mapValues(\.address))
        return Answer(body: group.encoded)
    }
}

extension BrokerData {
    fileprivate init(_ broker: TopicRoute.Broker) {
        self.init(
            cluster: broker.cluster, brokerName: broker.name, addresses: broker.addresses)
    }
}
