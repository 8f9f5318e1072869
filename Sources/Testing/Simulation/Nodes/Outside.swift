/// What every simulated process reaches beside itself.
final class Outside {
    let world: World
    let network: VirtualNetwork
    let plan: ClusterPlan
    let checks: InvariantChecks
    let history: History
    let sabotage: Sabotage?
    /// Set once, by the cluster.
    weak var workloads: Workloads?

    init(
        world: World, network: VirtualNetwork, plan: ClusterPlan, checks: InvariantChecks,
        history: History, sabotage: Sabotage?
    ) {
        self.world = world
        self.network = network
        self.plan = plan
        self.checks = checks
        self.history = history
        self.sabotage = sabotage
    }
}
