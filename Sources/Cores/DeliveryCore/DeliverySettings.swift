/// What an operator may choose about topics, groups and offsets of one broker.
package struct DeliverySettings: Hashable, Sendable {
    package var cluster: String
    package var brokerName: String
    package var autoCreateTopic: Bool
    package var autoCreateGroup: Bool
    /// Most queues of a topic that a send creates.
    package var autoCreateQueues = Int32(8)
    /// Whether the topic of message traces is there from the start.
    package var hasTraceTopic = false
    package var delays = DelaySettings()
    package var transactions = TransactionSettings()
    package var idempotence = IdempotenceSettings()
    package var pops = PopSettings()
    package var requestModesMax = 100_000

    /// Bounds of the tables: what clients create by themselves ends here.
    package var topicsMax = 100_000
    package var groupsMax = 100_000
    package var offsetsMax = 4_000_000
    package var locksMax = 1_000_000

    package init(
        cluster: String = "DefaultCluster", brokerName: String = "broker-a",
        autoCreateTopic: Bool = true, autoCreateGroup: Bool = true
    ) {
        self.cluster = cluster
        self.brokerName = brokerName
        self.autoCreateTopic = autoCreateTopic
        self.autoCreateGroup = autoCreateGroup
    }
}
