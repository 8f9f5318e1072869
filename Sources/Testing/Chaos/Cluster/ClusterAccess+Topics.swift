package import MessageFormat
package import RemotingProtocol

extension ClusterAccess {
    /// Creates or changes a topic on one broker.
    package func putTopic(_ config: TopicConfig, at address: String) async throws(AccessError) {
        _ = try await self.call(
            .request(
                .updateAndCreateTopic,
                fields: [
                    "defaultTopic": SystemTopic.autoCreate, "order": String(config.isOrdered),
                    "perm": String(config.permission.rawValue),
                    "readQueueNums": String(config.readQueues), "topic": config.name,
                    "topicFilterType": config.filterType,
                    "topicSysFlag": String(config.systemFlag),
                    "writeQueueNums": String(config.writeQueues),
                ]), to: address)
    }

    /// Creates or changes a group on one broker.
    package func putGroup(
        _ config: SubscriptionGroupConfig, at address: String
    ) async throws(AccessError) {
        _ = try await self.call(
            .request(.updateAndCreateSubscriptionGroup, body: config.encoded), to: address)
    }

    /// The masters of all broker groups, sorted by broker name.
    package func masters() async throws(AccessError) -> [(brokerName: String, address: String)] {
        try await self.clusterInfo().brokers.values
            .compactMap { broker in
                broker.masterAddress.map { (brokerName: broker.brokerName, address: $0) }
            }
            .sorted { $0.brokerName < $1.brokerName }
    }

    /// Waits until the name servers show the topic with `brokers` masters. Nil when time is up.
    package func awaitRoute(
        of topic: String, brokers: Int, within limit: Duration
    ) async -> TopicRouteData? {
        let deadline = Recorder.now + limit
        repeat {
            if let route = try? await self.route(of: topic),
                route.brokers.count(where: { $0.masterAddress != nil }) >= brokers,
                route.queues.count >= brokers
            {
                return route
            }
            try? await Task.sleep(for: .milliseconds(50))
        } while Recorder.now < deadline && !Task.isCancelled
        return nil
    }

    package func brokerConfiguration(at address: String) async throws(AccessError) -> PropertiesText
    {
        let answer = try await self.call(.request(.getBrokerConfig), to: address)
        return PropertiesText(parsing: answer.withBodyBytes { Array($0) })
    }
}
