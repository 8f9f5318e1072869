import MessageFormat

/// What administrators ask of topics, and do to them.
extension RouteTable {
    /// The topics of every broker of a cluster.
    package func topics(inCluster cluster: String) -> [String] {
        self.topics.names(onAnyOf: self.brokerNames(inCluster: cluster))
    }

    /// The names of clusters and of brokers, which are topics too.
    package var systemTopics: [String] {
        Set(self.groups.values.map(\.cluster)).union(self.groups.keys).sorted()
    }

    /// Takes a topic out of the routes: of one cluster's brokers, or of all.
    ///
    /// A broker that still has it brings it back when it registers with a new data version.
    package mutating func deleteTopic(_ topic: String, inCluster cluster: String? = nil) {
        guard let shares = self.topics.shares(of: topic) else { return }
        let members = cluster.map { self.brokerNames(inCluster: $0) }
        for broker in shares.keys where members?.contains(broker) ?? true {
            self.topics.remove(topic, on: broker)
        }
    }

    /// Producers shall leave a broker: its topics lose the right to be written, in routes only.
    /// Holds until the broker registers with a new data version. Returns the number of topics.
    package mutating func wipeWritePermission(of broker: String) -> Int {
        self.topics.change(on: broker) { $0.permission.remove(.write) }
    }

    /// The end of `wipeWritePermission`: all topics of the broker may be read and written.
    package mutating func addWritePermission(of broker: String) -> Int {
        self.topics.change(on: broker) { $0.permission = .readWrite }
    }

    private func brokerNames(inCluster cluster: String) -> Set<String> {
        Set(self.groups.filter { $0.value.cluster == cluster }.keys)
    }
}
