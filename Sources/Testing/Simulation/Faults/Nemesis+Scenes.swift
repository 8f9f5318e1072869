import MessageFormat

// Faults that rarely come together by chance.
extension Nemesis {
    func play(_ scene: FaultPlan.Scene) {
        switch scene {
        case .winnerWithoutLog: self.takeLogFromNextWinner()
        }
    }

    /// A master whom nobody hears writes on, the first time in the wrong place, and the controllers
    /// lose their disks. Its brokers lead them to it, and it finds the damage when it starts anew.
    private func takeLogFromNextWinner() {
        guard let host = self.world.random.pick(self.cluster.masters) else { return }
        self.world.say("nemesis: nobody hears \(host.name), whose next write lands elsewhere")
        self.rotten.insert(host.group)
        host.disk.misdirectsNextWrite = true
        let others = self.cluster.machines.filter { $0 !== host.machine }
        for other in others { self.network.cut(from: host.machine, to: other) }
        self.loseControllers()
        self.after(.milliseconds(2_500)) {
            self.world.say("nemesis: mend \(host.name)")
            for other in others { self.network.mend(from: host.machine, to: other) }
        }
    }
}
