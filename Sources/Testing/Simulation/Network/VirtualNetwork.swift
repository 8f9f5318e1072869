import NIOCore

/// Hosts, listeners and connections of a simulated cluster.
package final class VirtualNetwork {
    package let world: World
    var paths = NetworkPaths()
    private var listeners: [String: Listener] = [:]
    private var ends: [UInt64: ConnectionEnd] = [:]
    private var lastID: UInt64 = 0
    /// Ends whose bytes do not get through, in the order in which that began.
    private var stalledIDs: [UInt64] = []
    private var stalledEnds: [UInt64: ConnectionEnd] = [:]

    private struct Listener {
        let machine: Machine
        let life: Int
        let accept: (ConnectionEnd) -> Void
    }

    /// Why there is no connection.
    package enum ConnectFailure: Error, Hashable, Sendable { case refused, timedOut }

    private static let connectTimeout = Duration.seconds(1)

    package init(world: World) { self.world = world }

    /// The machine's process takes connections at `address` until it ends.
    package func listen(
        _ address: String, on machine: Machine, accept: @escaping (ConnectionEnd) -> Void
    ) {
        self.listeners[address] = Listener(
            machine: machine, life: machine.life, accept: accept)
    }

    package func connect(
        from machine: Machine, to address: String,
        _ completion: @escaping (Result<ConnectionEnd, ConnectFailure>) -> Void
    ) {
        let life = machine.life
        let host = String(address.prefix { $0 != ":" })
        let finish = { (result: Result<ConnectionEnd, ConnectFailure>, delay: Duration) in
            self.world.after(delay) { machine.perform({ completion(result) }, ofLife: life) }
        }
        guard !self.isCut(machine.host, host) else {
            return finish(.failure(.timedOut), Self.connectTimeout)
        }
        let trip = self.world.random.duration(
            in: self.paths.latency(from: machine.host, to: host))
        self.world.after(trip) {
            self.reach(address, from: machine, ofLife: life, back: trip, finish)
        }
    }

    private func reach(
        _ address: String, from machine: Machine, ofLife life: Int, back: Duration,
        _ finish: @escaping (Result<ConnectionEnd, ConnectFailure>, Duration) -> Void
    ) {
        guard let listener = self.listeners[address], listener.machine.hasPower else {
            return finish(.failure(.timedOut), Self.connectTimeout)
        }
        guard listener.machine.isRunning, listener.machine.life == listener.life else {
            return finish(.failure(.refused), back)
        }
        guard machine.isRunning, machine.life == life else { return }
        let client = self.newEnd(machine, to: listener.machine, remote: address)
        let server = self.newEnd(
            listener.machine, to: machine, remote: "\(machine.host):\(30_000 + self.lastID)")
        client.join(server)
        listener.machine.perform({ listener.accept(server) }, ofLife: listener.life)
        finish(.success(client), back)
    }

    private func newEnd(
        _ machine: Machine, to peer: Machine, remote: String
    ) -> ConnectionEnd {
        self.lastID += 1
        let end = ConnectionEnd(
            id: self.lastID, machine: machine, peer: peer, network: self, remote: remote)
        self.ends[end.id] = end
        return end
    }

    private func isCut(_ one: String, _ other: String) -> Bool {
        self.paths.isBlocked(from: one, to: other) || self.paths.isBlocked(from: other, to: one)
    }

    func forget(_ end: ConnectionEnd) {
        self.ends[end.id] = nil
    }

    /// The machine's process is gone, and with it its connections.
    package func processEnded(on machine: Machine) {
        for end in self.openEnds(of: machine) { end.abandon() }
    }

    func openEnds(of machine: Machine) -> [ConnectionEnd] {
        self.ends.values.filter { $0.machine === machine }.sorted { $0.id < $1.id }
    }

    /// The run is over: closures let go of what they hold.
    package func end() {
        for end in self.ends.values { end.letGo() }
        self.ends.removeAll()
        self.stalledEnds.removeAll()
        self.listeners.removeAll()
    }

    var openEnds: [ConnectionEnd] { self.ends.values.sorted { $0.id < $1.id } }
}

// MARK: - Cut paths

extension VirtualNetwork {
    /// Bytes of this end do not get through. They wait; sooner or later somebody gives up.
    func stalled(_ end: ConnectionEnd) {
        guard self.waits(end), self.world.random.percent(60) else { return }
        let patience = self.world.random.duration(in: .milliseconds(200)...(.seconds(4)))
        self.world.after(patience) {
            guard self.stalledEnds[end.id] != nil else { return }
            end.breakOff()
        }
    }

    /// The end is told when a path heals. Returns false if it waits for that already.
    @discardableResult
    func waits(_ end: ConnectionEnd) -> Bool {
        guard self.stalledEnds.updateValue(end, forKey: end.id) == nil else { return false }
        self.stalledIDs.append(end.id)
        return true
    }

    package func cut(from: Machine, to: Machine) {
        self.world.say("network: cut \(from.name) -> \(to.name)")
        self.paths.block(from: from.host, to: to.host)
    }

    package func mend(from: Machine, to: Machine) {
        self.paths.unblock(from: from.host, to: to.host)
        self.retransmit()
    }

    package func delay(from: Machine, to: Machine, by delay: ClosedRange<Duration>?) {
        self.paths.delay(from: from.host, to: to.host, by: delay)
    }

    package func healAll() {
        self.paths.healAll()
        self.retransmit()
    }

    /// Senders try again a while after a path has healed.
    func retransmit() {
        let ids = self.stalledIDs
        self.stalledIDs.removeAll()
        for id in ids {
            guard let end = self.stalledEnds.removeValue(forKey: id) else { continue }
            self.world.after(self.world.random.duration(in: .zero ... .milliseconds(200))) {
                end.retransmit()
            }
        }
    }
}
