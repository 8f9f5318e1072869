import Chaos

extension Stage {
    /// A master that is silent for longer than this is deposed.
    private static let deposedAfter: Duration = .seconds(3)

    /// Stops the master's time. What it had not heard meanwhile it must not act on afterwards.
    func pauseMaster(of group: String, for duration: Duration) throws {
        let master = try self.master(of: group)
        let epoch = self.watch.view.epoch(of: group)
        let fault = Fault(
            name: "pause-master", target: master.name, master: self.place(of: master, group))
        try self.nemesis.during(fault) {
            try master.pause()
            let isPaused = try wait(atMost: .seconds(5), every: .milliseconds(1)) {
                master.state == .paused
            }
            self.tell("\(master.name) paused (SIGSTOP)")
            try self.hold(duration)
            let elected = self.watch.view.epoch(of: group)
            try master.resume()
            self.tell("\(master.name) goes on (SIGCONT)")
            guard isPaused, duration < Self.deposedAfter || elected > epoch else { return "" }
            let outcome = elected > epoch ? "epoch \(epoch) became \(elected)" : "still master"
            return "pid \(master.process?.pid ?? 0) was seen stopped; \(outcome)"
        }
        try self.awaitWhole()
    }
}
