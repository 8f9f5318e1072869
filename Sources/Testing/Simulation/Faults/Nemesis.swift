import MessageFormat

/// Breaks things at random and mends them after a while.
final class Nemesis {
    let cluster: SimulatedCluster
    private let plan: FaultPlan
    /// Groups in which a disk has changed bytes. One copy may rot, not all of them.
    var rotten: Set<Int> = []
    private(set) var isOver = false

    init(_ cluster: SimulatedCluster, _ plan: FaultPlan) {
        self.cluster = cluster
        self.plan = plan
    }

    var world: World { self.cluster.world }
    var network: VirtualNetwork { self.cluster.network }

    func begin() {
        if let scene = self.plan.scene {
            self.world.after(.milliseconds(300)) { [weak self] in self?.play(scene) }
        }
        guard self.plan.countMax > 0 else { return }
        let count = 1 + self.world.random.below(self.plan.countMax)
        for _ in 0..<count {
            let start = self.world.random.duration(in: .zero...self.plan.span)
            self.world.after(start) { [weak self] in
                guard let self, !self.isOver else { return }
                self.strike()
            }
        }
    }

    /// Everything that was broken is mended.
    func end() {
        self.isOver = true
        self.network.healAll()
        for machine in self.cluster.machines { machine.resume() }
        for host in self.cluster.brokers { host.disk = DiskCondition() }
        self.setClocks()
        self.applySabotage()
        self.cluster.startAll()
    }

    /// What is due by a clock that was hours ahead shall come: all clocks are set to a later time.
    private func setClocks() {
        guard !self.cluster.workloads.isEmpty, self.world.clocks != .right else { return }
        let ahead: Int64 = self.world.clocks == .jumping ? 5 * 3_600_000 : 0
        for machine in self.cluster.machines {
            machine.clock.set(milliseconds: ahead, at: self.world.time)
        }
    }

    /// A disk that lies goes on lying.
    func applySabotage() {
        guard self.cluster.sabotage == .lyingFlush else { return }
        for host in self.cluster.brokers { host.disk.liesAboutFlushes = true }
    }

    /// One of the plan's faults; the worst are rarer than the others.
    private func draw() -> FaultPlan.Kind? {
        let kind = self.world.random.pick(self.plan.kinds)
        guard kind == .loseControllers, !self.world.random.oneIn(4) else { return kind }
        return self.world.random.pick(self.plan.kinds)
    }

    private func strike() {
        guard let kind = self.draw() else { return }
        self.world.probes.hit("fault: \(kind.rawValue)")
        switch kind {
        case .killProcess: self.crash(self.anyServer(), losingPower: false)
        case .cutPower: self.crash(self.anyServer(), losingPower: true)
        case .killGroup: self.crashGroup(losingPower: false)
        case .cutPowerOfGroup: self.crashGroup(losingPower: true)
        case .killControllers:
            let losingPower = self.world.random.oneIn(2)
            for host in self.cluster.controllers {
                self.crash(host.machine, losingPower: losingPower)
            }
        case .loseControllers: self.loseControllers()
        case .emptyController: self.emptyController()
        case .restartBurst: self.burst()
        case .pause: self.pause(self.anyMachine())
        case .isolate: self.isolate(self.anyMachine(), oneWay: false)
        case .isolateOneWay: self.isolate(self.anyMachine(), oneWay: true)
        case .partition: self.partition()
        case .delay: self.delay()
        case .breakConnections: self.breakConnections()
        case .slowDisk, .fullDisk, .failFlush: self.troubleDisk(kind)
        case .rot, .misdirect: self.spoilDisk(kind)
        case .rotIndex: self.spoilIndex()
        case .jumpClock, .driftClock: self.troubleClock(kind)
        case .killConsumer:
            let clients = self.cluster.consumers.map(\.machine) + self.cluster.workloads.machines
            if let machine = self.world.random.pick(clients) {
                self.crash(machine, losingPower: self.world.random.oneIn(2))
            }
        }
    }

    // MARK: Whom

    /// Masters and leaders are more interesting than the others.
    func anyServer() -> Machine {
        let masters = self.cluster.masters.map(\.machine)
        let leaders = self.cluster.controllerLeaders.map(\.machine)
        switch self.world.random.below(10) {
        case 0..<4: if let master = self.world.random.pick(masters) { return master }
        case 4..<6: if let leader = self.world.random.pick(leaders) { return leader }
        default: break
        }
        return self.cluster.servers[self.world.random.below(self.cluster.servers.count)]
    }

    func anyMachine() -> Machine {
        guard self.world.random.oneIn(10) else { return self.anyServer() }
        return self.cluster.machines[self.world.random.below(self.cluster.machines.count)]
    }

    func aWhile() -> Duration {
        self.world.random.oneIn(3)
            ? self.world.random.duration(in: .milliseconds(1_000)...(.milliseconds(3_000)))
            : self.world.random.duration(in: .milliseconds(10)...(.milliseconds(800)))
    }

    func after(_ delay: Duration, _ action: @escaping () -> Void) {
        self.world.after(delay) { [weak self] in
            guard let self, !self.isOver else { return }
            action()
        }
    }

    // MARK: Processes

    private func crash(_ machine: Machine, losingPower: Bool) {
        guard machine.isRunning else { return }
        self.world.say("nemesis: \(losingPower ? "power cut of" : "kill") \(machine.name)")
        machine.stop(losingPower: losingPower)
        self.after(self.aWhile()) { self.cluster.start(machine) }
    }

    private func crashGroup(losingPower: Bool) {
        let group = self.world.random.below(self.cluster.plan.groups)
        for host in self.cluster.brokers where host.group == group {
            let delay = self.world.random.duration(in: .zero ... .milliseconds(30))
            self.after(delay) { self.crash(host.machine, losingPower: losingPower) }
        }
    }

    /// All three controllers start over with empty disks; the brokers keep theirs.
    func loseControllers() {
        self.world.say("nemesis: the controllers lose their disks")
        for host in self.cluster.controllers {
            host.machine.stop(losingPower: self.world.random.oneIn(2))
            host.loseDisk()
        }
        self.cluster.checks.controllers.startedOver()
        for host in self.cluster.controllers {
            self.after(self.aWhile()) { self.cluster.start(host.machine) }
        }
    }

    /// A minority only: what one controller has forgotten, the others remember. Every other time one
    /// of those was away for a while, and comes back just when the rest goes.
    private func emptyController() {
        let hosts = self.cluster.controllers
        guard hosts.allSatisfy(\.isSettled), let host = self.world.random.pick(hosts) else {
            return
        }
        guard self.world.random.oneIn(2),
            let old = self.world.random.pick(hosts.filter { $0 !== host && !$0.isLeader })
        else { return self.empty(host) }
        old.machine.stop(losingPower: false)
        self.after(self.aWhile()) {
            for rest in hosts where rest !== host && rest !== old && host.isSettled {
                self.crash(rest.machine, losingPower: false)
            }
            if hosts.allSatisfy(\.isSettled) { self.empty(host) }
            self.cluster.start(old.machine)
        }
    }

    private func empty(_ host: ControllerHost) {
        self.world.say("nemesis: \(host.machine.name) loses its disk")
        self.world.probes.hit("controller emptied")
        host.machine.stop(losingPower: self.world.random.oneIn(2))
        host.loseDisk(isAlone: true)
        self.after(self.aWhile()) { self.cluster.start(host.machine) }
    }

    private func burst() {
        let machine = self.anyServer()
        for number in 0..<(2 + self.world.random.below(3)) {
            self.after(.milliseconds(150 * number)) {
                guard machine.isRunning else { return self.cluster.start(machine) }
                self.world.say("nemesis: restart \(machine.name)")
                machine.stop(losingPower: self.world.random.oneIn(3))
                self.after(.milliseconds(10)) { self.cluster.start(machine) }
            }
        }
    }

    private func pause(_ machine: Machine) {
        guard machine.isRunning else { return }
        self.world.say("nemesis: pause \(machine.name)")
        machine.pause()
        self.after(self.aWhile()) {
            self.world.say("nemesis: \(machine.name) goes on")
            machine.resume()
        }
    }

    // MARK: Clocks

    private func troubleClock(_ kind: FaultPlan.Kind) {
        let machine = self.anyMachine()
        if kind == .jumpClock {
            let jump = Int64(self.world.random.number(in: -7_200_000...7_200_000))
            self.world.say("nemesis: the clock of \(machine.name) jumps by \(jump) ms")
            self.world.clocks = .jumping
            machine.clock.jump(byMilliseconds: jump)
        } else {
            let drift = Int64(self.world.random.number(in: -50_000...50_000))
            self.world.say("nemesis: the clock of \(machine.name) drifts by \(drift) ppm")
            self.world.clocks = max(self.world.clocks, .drifting)
            machine.clock.drift(ppm: drift, at: self.world.time)
        }
    }
}
