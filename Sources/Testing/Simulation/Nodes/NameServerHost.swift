import NIOCore
import NameServerEngine
import RemotingProtocol

/// A machine for one name server. It keeps nothing.
final class NameServerHost {
    let machine: Machine
    let address: String
    private let outside: Outside
    private var engine = NameServerEngine()
    private var clients: [ConnectionID: ConnectionEnd] = [:]

    init(index: Int, outside: Outside) {
        self.outside = outside
        self.machine = Machine(
            name: "name-server-\(index + 1)", host: outside.plan.nameServerHost(index),
            world: outside.world)
        self.address = outside.plan.nameServerAddress(index)
    }

    func start() {
        guard !self.machine.isRunning else { return }
        self.machine.start { [weak self] in self?.ended() }
        self.engine = NameServerEngine()
        self.outside.network.listen(self.address, on: self.machine) { [weak self] in
            self?.accept($0)
        }
        self.tick()
    }

    private func ended() {
        self.clients.removeAll()
        self.outside.network.processEnded(on: self.machine)
    }

    private func tick() {
        self.machine.after(.seconds(1)) { [weak self] in
            guard let self else { return }
            self.perform(self.engine.advance(to: self.machine.now()))
            self.tick()
        }
    }

    private func accept(_ end: ConnectionEnd) {
        let id = ConnectionID(value: end.id)
        self.clients[id] = end
        end.received = { [weak self] bytes in
            guard let self, let command = ReceivedCommand.unframed(bytes) else { return }
            self.perform(self.engine.received(command, from: id, at: self.machine.now()))
        }
        end.closed = { [weak self] in
            guard let self else { return }
            self.clients[id] = nil
            self.perform(self.engine.closed(id))
        }
    }

    private func perform(_ effects: [NameServerEffect]) {
        for effect in effects {
            switch effect {
            case .reply(let id, let command, _): self.clients[id]?.send(command.framed)
            case .close(let id):
                guard let end = self.clients.removeValue(forKey: id) else { continue }
                end.close()
                self.perform(self.engine.closed(id))
            case .report(let event): self.note(event)
            }
        }
    }

    private func note(_ event: NameServerEvent) {
        self.outside.world.say("\(self.machine.name): \(event)")
        if case .registrationIgnored = event {
            self.outside.world.probes.hit("deposed master kept off the routes")
        }
    }
}
