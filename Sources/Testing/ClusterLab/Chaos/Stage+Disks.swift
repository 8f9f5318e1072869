import Chaos

extension Stage {
    private static let slowFor: Duration = .seconds(6)
    private static let fullFor: Duration = .seconds(15)

    func slowDisk(of group: String) throws {
        let master = try self.master(of: group)
        let fault = Fault(
            name: "slow-disk", target: master.name, master: self.place(of: master, group))
        try self.nemesis.during(fault) {
            let tracer = try Tracer(
                master, call: "fdatasync", injection: "delay_enter=300000",
                directory: self.cluster.directory.path)
            self.tell("each flush of \(master.name) takes 0.3 s longer")
            try self.hold(Self.slowFor)
            let count = tracer.injected
            try tracer.stop()
            self.tell("\(master.name)'s disk is fast again, \(count) flushes were slow")
            return count > 0 ? "\(count) flushes delayed" : ""
        }
        try self.awaitWhole()
    }

    /// A broker whose flush failed must stop: nobody knows what is on its disk.
    func failingDisk(of group: String) throws {
        let master = try self.master(of: group)
        let epoch = self.watch.view.epoch(of: group)
        let fault = Fault(
            name: "failing-disk", target: master.name, master: self.place(of: master, group))
        try self.nemesis.during(fault) {
            let tracer = try Tracer(
                master, call: "fdatasync", injection: "error=EIO",
                directory: self.cluster.directory.path)
            let hasFailed = try tracer.awaitInjection()
            self.tell("a flush of \(master.name) fails (EIO)")
            let hasStopped = try wait(atMost: .seconds(20)) { !master.isAlive }
            try tracer.stop()
            self.tell("\(master.name) \(hasStopped ? "has stopped" : "GOES ON")")
            let elected = try self.awaitMaster(of: group, after: epoch)
            if hasStopped { try self.start([master]) }
            guard hasFailed, hasStopped, let elected else { return "" }
            return "\(tracer.injected) flushes failed, the broker stopped; \(elected)"
        }
        try self.awaitWhole()
    }

    func fullDisk(of group: String) throws {
        let master = try self.master(of: group)
        guard let data = master.plan.dataDirectory, master.plan.diskMebibytes != nil else {
            throw LabError.failed("\(master.name) has no disk of its own")
        }
        let fault = Fault(
            name: "full-disk", target: master.name, master: self.place(of: master, group))
        try self.nemesis.during(fault) {
            let logStart = master.log.end
            let bytes = try SmallDisk.fill(data)
            self.tell("\(master.name)'s disk is full: \(bytes) bytes taken")
            try self.hold(Self.fullFor)
            let isNoticed = master.log.read(from: logStart).lowercased().contains("space")
            SmallDisk.relieve(data)
            self.tell("\(master.name)'s disk has room again")
            if !master.isAlive { try self.start([master]) }
            return isNoticed
                ? "\(bytes) bytes taken; the broker's log says that space is missing" : ""
        }
        try self.awaitWhole()
    }
}
