import BrokerEngine
import MessageFormat
import NIOCore
import ReplicationProtocol

// Replication links: virtual connections that carry encoded replication messages.
extension BrokerProcess {
    func acceptLink(_ end: ConnectionEnd) {
        guard self.engine != nil else { return end.close() }
        let link = LinkID(value: end.id)
        self.attach(end, as: link)
        self.engine?.linkOpened(link, isOutgoing: false, at: self.now)
        self.planTurn()
    }

    func connect(to address: String, as link: LinkID) {
        let number = self.engineNumber
        self.opening.insert(link)
        self.outside.network.connect(from: self.machine, to: address) { [weak self] result in
            guard let self, self.engineNumber == number, self.opening.remove(link) != nil else {
                if case .success(let end) = result { end.close() }
                return
            }
            switch result {
            case .success(let end):
                self.attach(end, as: link)
                self.engine?.linkOpened(link, isOutgoing: true, at: self.now)
            case .failure: self.engine?.linkClosed(link, at: self.now)
            }
            self.planTurn()
        }
    }

    private func attach(_ end: ConnectionEnd, as link: LinkID) {
        self.links[link] = end
        end.received = { [weak self] bytes in self?.heard(bytes, on: link, end) }
        end.closed = { [weak self] in
            guard let self, self.links.removeValue(forKey: link) != nil else { return }
            self.engine?.linkClosed(link, at: self.now)
            self.planTurn()
        }
    }

    private func heard(_ bytes: ByteBuffer, on link: LinkID, _ end: ConnectionEnd) {
        guard self.links[link] === end else { return }
        let message = bytes.withUnsafeReadableBytes { try? ReplicationMessage(parsing: $0) }
        guard let message else {
            self.world.violated(.nothingIsMadeUp, "\(self.name) cannot read a replication message")
            return
        }
        let heard = self.distorted(message, on: link)
        self.engine?.linkReceived(link, heard, at: self.now)
        self.planTurn()
    }

    func replicate(_ message: ReplicationMessage, on link: LinkID) {
        guard let end = self.links[link] else { return }
        let message = self.told(message, on: link)
        if case .goodbye(_, let reason, let remark) = message {
            self.world.say("\(self.name): goodbye on \(link): \(reason), \(remark)")
            self.world.probes.hit("goodbye: \(reason)")
        }
        end.send(ByteBuffer(bytes: message.encoded))
    }

    func closeLink(_ link: LinkID) {
        self.opening.remove(link)
        self.links.removeValue(forKey: link)?.close()
    }

    func readLog(for link: LinkID, from: PhysicalOffset, end: PhysicalOffset, bytesMax: Int) {
        self.world.probes.hit("replica catches up from disk")
        self.later(self.world.random.duration(in: .microseconds(20)...(.milliseconds(2)))) {
            process in
            let result: Result<LogRead, ReadFailure>
            do {
                result = .success(
                    try process.host.store.read(from: from, end: end, bytesMax: bytesMax))
            } catch {
                result = .failure(error as? ReadFailure ?? ReadFailure(reason: "\(error)"))
            }
            process.engine?.logRead(link, result, at: process.now)
            process.planTurn()
        }
    }
}
