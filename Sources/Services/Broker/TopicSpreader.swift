import Logging
import MessageFormat
import RemotingProtocol
import RemotingTransport

/// Carries a topic that a first send created to the cluster's other masters, so that it has queues
/// everywhere and survives the death of the one that made it.
struct TopicSpreader: Sendable {
    let client: RemotingClient
    let nameServers: [String]
    let clusterName: String
    let ownName: String
    let logger: Logger

    private static let attemptsMax = 5
    private static let pause = Duration.milliseconds(500)
    private static let timeout = Duration.seconds(3)

    func spread(_ config: TopicConfig) async {
        var done: Set<String> = []
        for _ in 0..<Self.attemptsMax {
            guard let masters = await self.otherMasters() else {
                try? await Task.sleep(for: Self.pause)
                continue
            }
            for address in masters.subtracting(done) where await self.create(config, at: address) {
                done.insert(address)
            }
            if done == masters { return }
            try? await Task.sleep(for: Self.pause)
        }
        self.logger.warning("the topic \(config.name) did not reach every master")
    }

    /// Addresses of the masters beside this one, from the first name server that answers.
    private func otherMasters() async -> Set<String>? {
        for nameServer in self.nameServers {
            guard
                let answer = try? await self.client.call(
                    .request(.getBrokerClusterInfo), to: nameServer, timeout: Self.timeout),
                let info = answer.withBodyBytes({ try? ClusterInfo(parsing: $0) })
            else { continue }
            let names = Set(info.clusters[self.clusterName] ?? []).subtracting([self.ownName])
            return Set(names.compactMap { info.brokers[$0]?.masterAddress })
        }
        return nil
    }

    private func create(_ config: TopicConfig, at address: String) async -> Bool {
        let request = RemotingCommand.request(
            .updateAndCreateTopic,
            fields: [
                "topic": config.name, "defaultTopic": SystemTopic.autoCreate,
                "readQueueNums": String(config.readQueues),
                "writeQueueNums": String(config.writeQueues),
                "perm": String(config.permission.rawValue),
                "topicFilterType": config.filterType, "topicSysFlag": String(config.systemFlag),
                "order": String(config.isOrdered), "onlyIfMissing": "true",
            ])
        let answer = try? await self.client.call(request, to: address, timeout: Self.timeout)
        return answer?.code == ResponseCode.success.rawValue
    }
}
