// Paths that are cut, slow or broken.
extension Nemesis {
    func isolate(_ machine: Machine, oneWay: Bool) {
        let isOutgoing = self.world.random.oneIn(2)
        self.world.say("nemesis: isolate \(machine.name)\(oneWay ? " one way" : "")")
        self.cut(machine, from: self.cluster.machines, both: !oneWay, isOutgoing: isOutgoing)
    }

    /// A machine from one kind of others, as when a switch between two racks fails.
    func partition() {
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

    func delay() {
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
    func breakConnections() {
        let ends = self.network.openEnds
        for _ in 0..<(1 + self.world.random.below(6)) {
            self.world.random.pick(ends)?.breakOff()
        }
    }
}
