import MessageFormat

// Disks that are slow, full, or change what they hold.
extension Nemesis {
    func troubleDisk(_ kind: FaultPlan.Kind) {
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

    func spoilDisk(_ kind: FaultPlan.Kind) {
        let sound = self.cluster.brokers.filter { !self.rotten.contains($0.group) }
        guard let host = self.world.random.pick(sound) else { return }
        self.rotten.insert(host.group)
        if kind == .misdirect {
            host.disk.misdirectsNextWrite = true
        } else if let position = host.store.rot(&self.world.random) {
            self.world.say("nemesis: a bit of \(host.name) has flipped at \(position.bytes)")
        }
    }

    /// An index file and the segment that it is made from rot together.
    private func spoilLog(of host: BrokerHost, under base: PhysicalOffset) {
        guard self.rotten.insert(host.group).inserted,
            let position = host.store.rot(&self.world.random, in: base)
        else { return }
        self.world.say("nemesis: and a bit of its log at \(position.bytes)")
        self.world.probes.hit("fault: index and log")
    }

    /// Index files can be made anew, so any number of them may rot, also beside a log that rots,
    /// and one that is not there yet: short runs fill few segments.
    func spoilIndex(attempts: Int = 40) {
        let candidates = self.cluster.brokers.filter(\.store.hasIndexes)
        guard let host = self.world.random.pick(candidates),
            let base = host.store.rotIndex(&self.world.random)
        else {
            guard attempts > 1 else { return }
            return self.world.after(.milliseconds(100)) { [weak self] in
                self?.spoilIndex(attempts: attempts - 1)
            }
        }
        self.world.say("nemesis: a bit of \(host.name)'s index of \(base.bytes) has flipped")
        self.world.probes.hit("fault: flipped bit of an index")
        if self.world.random.oneIn(3) { self.spoilLog(of: host, under: base) }
    }
}
