/// A whole cluster in one process: controllers, name servers, brokers and clients, on virtual time,
/// network and disks.
final class SimulatedCluster {
    let world: World
    let network: VirtualNetwork
    let plan: ClusterPlan
    let sabotage: Sabotage?
    let checks: InvariantChecks
    let history: History
    let controllers: [ControllerHost]
    let nameServers: [NameServerHost]
    let brokers: [BrokerHost]
    let producers: [ProducerHost]
    let consumers: [ConsumerHost]
    let operatorHost: OperatorHost
    let workloads: Workloads

    init(world: World, plan: ClusterPlan, workloads: [Workload], sabotage: Sabotage?) {
        self.world = world
        self.plan = plan
        self.sabotage = sabotage
        self.network = VirtualNetwork(world: world)
        self.checks = InvariantChecks(world: world)
        self.history = History(world: world)
        let outside = Outside(
            world: world, network: self.network, plan: plan, checks: self.checks,
            history: self.history, sabotage: sabotage)
        let history = self.history
        self.controllers = (0..<plan.controllers).map {
            ControllerHost(index: $0, outside: outside)
        }
        self.nameServers = (0..<plan.nameServers).map {
            NameServerHost(index: $0, outside: outside)
        }
        self.brokers = (0..<plan.groups).flatMap { group in
            (0..<plan.replicas).map { BrokerHost(group: group, index: $0, outside: outside) }
        }
        self.producers = (0..<plan.producers).map {
            ProducerHost(number: $0, outside: outside, history: history)
        }
        self.consumers = (0..<plan.consumers).map {
            ConsumerHost(number: $0, outside: outside, history: history)
        }
        let workloads = Workloads(workloads, outside: outside)
        self.workloads = workloads
        outside.workloads = workloads
        self.operatorHost = OperatorHost(outside: outside, history: history)
        self.checks.brokers = self.brokers
        guard !workloads.isEmpty else { return }
        self.checks.confirmedMessages = ConfirmedMessages(plan) { workloads.confirmed($0) }
    }

    var servers: [Machine] {
        self.controllers.map(\.machine) + self.nameServers.map(\.machine)
            + self.brokers.map(\.machine)
    }

    var machines: [Machine] {
        self.servers + self.producers.map(\.machine) + self.consumers.map(\.machine)
            + self.workloads.machines
    }

    var masters: [BrokerHost] {
        self.brokers.filter(\.isMaster)
    }

    var controllerLeaders: [ControllerHost] { self.controllers.filter(\.isLeader) }

    /// Starts a server or a consumer that does not run.
    func start(_ machine: Machine) {
        guard !machine.isRunning else { return }
        self.controllers.first { $0.machine === machine }?.start()
        self.nameServers.first { $0.machine === machine }?.start()
        self.brokers.first { $0.machine === machine }?.start()
        self.consumers.first { $0.machine === machine }?.start()
        self.workloads.start(machine)
    }

    func startAll() {
        for machine in self.world.random.shuffled(self.machines) { self.start(machine) }
    }

    /// Each group has a whole SyncStateSet, and a master that has confirmed all its log: an election
    /// may leave all members in the set before they have come to the new master.
    ///
    /// A master on whose disk bytes have changed cannot feed replicas that lack them: its group
    /// counts without them.
    var isHealthy: Bool {
        (0..<self.plan.groups).allSatisfy { group in
            let hosts = self.brokers.filter { $0.group == group }
            guard let view = self.checks.controllers.newestView(of: self.plan.brokerName(group)),
                view.syncStateSet.count == hosts.count
                    || hosts.contains(where: { $0.isMaster && $0.store.isDamaged })
            else { return false }
            let masters = hosts.filter { $0.masterEpoch == view.masterEpoch }
            return masters.count == 1
                && masters.allSatisfy { $0.hasConfirmedAll || $0.store.isDamaged }
        }
    }

    /// Lets go of everything: closures and objects hold each other.
    func end() {
        for machine in self.machines + [self.operatorHost.machine] {
            machine.stop(losingPower: false)
        }
        self.checks.brokers = []
        self.checks.confirmedMessages = nil
        self.world.end()
        self.network.end()
    }
}
