import MessageFormat

/// Who is in a simulated cluster, and where.
package struct ClusterPlan: Sendable {
    package static let clusterName = "sim"

    package var controllers = 3
    package var groups = 2
    package var replicas = 3
    package var nameServers = 2
    package var producers = 2
    package var consumers = 2
    package var topic = "orders"
    package var queues: Int32 = 2
    /// Small, so that a short run fills several.
    package var segmentBytes = 96 << 10

    package init() {}

    func controllerID(_ index: Int) -> String { "n\(index)" }
    func controllerHost(_ index: Int) -> String { "10.0.0.\(index + 1)" }
    func controllerAddress(_ index: Int) -> String { "\(self.controllerHost(index)):9878" }
    func raftAddress(_ index: Int) -> String { "\(self.controllerHost(index)):9879" }
    var controllerAddresses: [String] { (0..<self.controllers).map(self.controllerAddress) }

    func nameServerHost(_ index: Int) -> String { "10.0.1.\(index + 1)" }
    func nameServerAddress(_ index: Int) -> String { "\(self.nameServerHost(index)):9876" }
    var nameServerAddresses: [String] { (0..<self.nameServers).map(self.nameServerAddress) }

    func brokerName(_ group: Int) -> String { group == 0 ? "broker-a" : "broker-b" }
    func brokerHost(_ group: Int, _ index: Int) -> String { "10.0.\(2 + group).\(index + 1)" }
    func clientHost(_ index: Int) -> String { "10.0.9.\(index + 1)" }
    func workloadHost(_ index: Int) -> String { "10.0.10.\(index + 1)" }
}
