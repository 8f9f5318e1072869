/// Every broker group and the clusters that they form.
package struct ClusterInfo: Hashable, Sendable {
    /// By broker name.
    package var brokers: [String: BrokerData]
    /// Broker names by cluster.
    package var clusters: [String: [String]]

    package init(brokers: [String: BrokerData], clusters: [String: [String]]) {
        self.brokers = brokers
        self.clusters = clusters
    }
}

extension ClusterInfo: JSONBody {
    package init(json: JSONValue) throws(BodyError) {
        self.init(brokers: [:], clusters: [:])
        for member in try json.members("brokerAddrTable") {
            self.brokers[member.name] = try BrokerData(json: member.value)
        }
        let clusters = JSONValue.object(try json.members("clusterAddrTable"))
        for member in clusters.members ?? [] {
            self.clusters[member.name] = try clusters.texts(member.name)
        }
    }

    package var json: JSONValue {
        [
            "brokerAddrTable": .sorted(self.brokers.mapValues(\.json)),
            "clusterAddrTable": .sorted(self.clusters.mapValues { .strings($0.sorted()) }),
        ]
    }
}

/// The addresses of one broker group, as `getBrokerMemberGroup` answers.
package struct BrokerMemberGroup: Hashable, Sendable {
    package var cluster: String
    package var brokerName: String
    package var addresses: [Int64: String]

    package init(cluster: String, brokerName: String, addresses: [Int64: String]) {
        self.cluster = cluster
        self.brokerName = brokerName
        self.addresses = addresses
    }
}

extension BrokerMemberGroup: JSONBody {
    package init(json: JSONValue) throws(BodyError) {
        guard let group = json["brokerMemberGroup"] else {
            throw .missing(field: "brokerMemberGroup")
        }
        self.init(
            cluster: group["cluster"]?.text ?? "",
            brokerName: try group.requiredText("brokerName"),
            addresses: try BrokerData.addresses(group))
    }

    package var json: JSONValue {
        [
            "brokerMemberGroup": [
                "brokerAddrs": BrokerData.json(self.addresses),
                "brokerName": .string(self.brokerName),
                "cluster": .string(self.cluster),
            ]
        ]
    }
}
