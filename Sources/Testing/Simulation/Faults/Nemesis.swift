import MessageFormat

/// Breaks things at random and mends them after a while.
final class Nemesis {
    private let cluster: SimulatedCluster
    private let plan: FaultPlan
    /// Groups in which a disk has changed bytes. One copy may rot, not all of them; and a rotten copy
    /// must not be the only one left to ask, so nothing takes the whole group down on top of it.
    private var rotten: Set<Int> = []
    private(set) var isOver = false

    init(_ cluster: SimulatedCluster, _ plan: FaultPlan) {
        self.cluster = cluster
        self.plan = plan
    }

    private var world: World { self.cluster.world }
    private var network: VirtualNetwork { self.cluster.network }

    func begin() {
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
        self.applySabotage()
        self.cluster.startAll()
    }

    /// A disk that lies goes on lying.
    func applySabotage() {
        guard self.cluster.sabotage == .lyingFlush else { return }
        for host in self.cluster.brokers { host.disk.liesAboutFlushes = true }
    }

    private func strike() {
        guard let kind = self.world.random.pick(self.plan.kinds) else { return }
        self.world.probes.hit("fault: \(kind.rawValue)")
        switch kind {
        case .killProcess: self.crash(self.anyServer(), losingPower: false)
        case .cutPower: self.crash(self.anyServer(), losingPower: true)
        case .killGroup: self.crashGroup(losingPower: false)
        case .cutPowerOfGroup: self.crashGroup(losingPower: true)
        case .killControllers:
            guard self.rotten.isEmpty else { return }
            let losingPower = self.world.random.oneIn(2)
            for host in self.cluster.controllers {
                self.crash(host.machine, losingPower: losingPower)
            }
        case .restartBurst: self.burst()
        case .pause: self.pause(self.anyMachine())
        case .isolate: self.isolate(self.anyMachine(), oneWay: false)
        case .isolateOneWay: self.isolate(self.anyMachine(), oneWay: true)
        case .partition: self.partition()
        case .delay: self.delay()
        case .breakConnections: self.breakConnections()
        case .slowDisk, .fullDisk, .failFlush: self.troubleDisk(kind)
        case .rot, .misdirect: self.spoilDisk(kind)
        case .jumpClock, .driftClock: self.troubleClock(kind)
        case .killConsumer:
            if let host = self.world.random.pick(self.cluster.consumers) {
                self.crash(host.machine, losingPower: self.world.random.oneIn(2))
            }
        }
    }

    // MARK: Whom

    /// Masters and leaders are more interesting than the others.
    private func anyServer() -> Machine {
        let masters = self.cluster.masters.map(\.machine)
        let leaders = self.cluster.controllerLeaders.map(\.machine)
        switch self.world.random.below(10) {
        case 0..<4: if let master = self.world.random.pick(masters) { return master }
        case 4..<6: if let leader = self.world.random.pick(leaders) { return leader }
        default: break
        }
        return self.cluster.servers[self.world.random.below(self.cluster.servers.count)]
    }

    private func anyMachine() -> Machine {
        guard self.world.random.oneIn(10) else { return self.anyServer() }
        return self.cluster.machines[self.world.random.below(self.cluster.machines.count)]
    }

    private func aWhile() -> Duration {
        self.world.random.oneIn(3)
            ? self.world.random.duration(in: .milliseconds(1_000)...(.milliseconds(3_000)))
            : self.world.random.duration(in: .milliseconds(10)...(.milliseconds(800)))
    }

    private func after(_ delay: Duration, _ action: @escaping () -> Void) {
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
        guard !self.rotten.contains(group) else { return }
        for host in self.cluster.brokers where host.group == group {
            let delay = self.world.random.duration(in: .zero ... .milliseconds(30))
            self.after(delay) { self.crash(host.machine, losingPower: losingPower) }
        }
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

    // MARK: Network

    private func isolate(_ machine: Machine, oneWay: Bool) {
        let isOutgoing = self.world.random.oneIn(2)
        self.world.say("nemesis: isolate \(machine.name)\(oneWay ? " one way" : "")")
        self.cut(machine, from: self.cluster.machines, both: !oneWay, isOutgoing: isOutgoing)
    }

    /// A machine from one kind of others, as when a switch between two racks fails.
    private func partition() {
        let machine = self.anyServer()
        let others: [Machine]
        switch self.world.random.below(4) {
        case 0: others = self.cluster.controllers.map(\.machine)
        case 1: others = self.cluster.brokers.map(\.machine)
        case 2:
            others = self.cluster.producers.map(\.machine) + self.cluster.consumers.map(\.machine)
        default:
            let some = self.world.random.shuffled(self.cluster.machines)
            others = Array(some.prefix(1 + self.world.random.below(some.count)))
        }
        self.world.say("nemesis: cut \(machine.name) from \(others.map(\.name).sorted())")
        self.cut(
            machine, from: others, both: self.world.random.percent(70),
            isOutgoing: self.world.random.oneIn(2))
    }

    private func cut(
        _ machine: Machine, from others: [Machine], both: Bool, isOutgoing: Bool
    ) {
        for other in others where other !== machine {
            if both || isOutgoing { self.network.cut(from: machine, to: other) }
            if both || !isOutgoing { self.network.cut(from: other, to: machine) }
        }
        self.after(self.aWhile()) {
            self.world.say("nemesis: mend \(machine.name)")
            for other in others where other !== machine {
                self.network.mend(from: machine, to: other)
                self.network.mend(from: other, to: machine)
            }
        }
    }

    private func delay() {
        let machine = self.anyMachine()
        let most = self.world.random.duration(in: .milliseconds(2)...(.milliseconds(250)))
        self.world.say("nemesis: delay \(machine.name) by up to \(most)")
        for other in self.cluster.machines where other !== machine {
            self.network.delay(from: machine, to: other, by: .microseconds(100)...most)
            self.network.delay(from: other, to: machine, by: .microseconds(100)...most)
        }
        self.after(self.aWhile()) {
            for other in self.cluster.machines where other !== machine {
                self.network.delay(from: machine, to: other, by: nil)
                self.network.delay(from: other, to: machine, by: nil)
            }
        }
    }

    /// One side finds its connection broken and makes another one; the old one's bytes may still
    /// arrive, after the new one's.
    private func breakConnections() {
        let ends = self.network.openEnds
        for _ in 0..<(1 + self.world.random.below(6)) {
            self.world.random.pick(ends)?.breakOff()
        }
    }

    // MARK: Disks

    private func troubleDisk(_ kind: FaultPlan.Kind) {
        guard let host = self.world.random.pick(self.cluster.brokers) else { return }
        self.world.say("nemesis: \(kind.rawValue) of \(host.name)")
        switch kind {
        case .slowDisk:
            let most = self.world.random.duration(in: .milliseconds(5)...(.milliseconds(600)))
            host.disk.latency = .microseconds(200)...most
        case .fullDisk: host.disk.isFull = true
        default: host.disk.failsNextFlush = true
        }
        self.after(self.aWhile()) {
            host.disk.latency = DiskCondition.usual
            host.disk.isFull = false
        }
    }

    private func spoilDisk(_ kind: FaultPlan.Kind) {
        let sound = self.cluster.brokers.filter { !self.rotten.contains($0.group) }
        guard let host = self.world.random.pick(sound) else { return }
        self.rotten.insert(host.group)
        if kind == .misdirect {
            host.disk.misdirectsNextWrite = true
        } else if let position = host.store.rot(&self.world.random) {
            self.world.say("nemesis: a bit of \(host.name) has flipped at \(position.bytes)")
        }
    }

    // MARK: Clocks

    private func troubleClock(_ kind: FaultPlan.Kind) {
        let machine = self.anyMachine()
        if kind == .jumpClock {
            let jump = Int64(self.world.random.number(in: -7_200_000...7_200_000))
            self.world.say("nemesis: the clock of \(machine.name) jumps by \(jump) ms")
            machine.clock.jump(byMilliseconds: jump)
        } else {
            let drift = Int64(self.world.random.number(in: -50_000...50_000))
            self.world.say("nemesis: the clock of \(machine.name) drifts by \(drift) ppm")
            machine.clock.drift(ppm: drift, at: self.world.time)
        }
    }
}
