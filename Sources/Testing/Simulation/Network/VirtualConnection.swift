import MessageFormat
package import NIOCore

/// One end of a connection, as a process holds it.
///
/// It behaves as TCP shows itself to a program: bytes come in order or not at all; a cut path looks
/// like silence, and the bytes arrive when it heals, unless the connection is given up before; a
/// killed peer closes it, a peer without power says nothing.
package final class ConnectionEnd {
    package let id: UInt64
    let machine: Machine
    let life: Int
    let network: VirtualNetwork
    /// Host and port of the other side.
    package let remote: String
    package internal(set) var isOpen = true
    package var received: ((ByteBuffer) -> Void)?
    package var closed: (() -> Void)?
    /// Gone when its process is.
    private weak var peer: ConnectionEnd?
    private let peerMachine: Machine
    /// When the last bytes arrive that are on their way to the peer: later ones come later.
    private var lastArrival: Int64 = 0
    private var stalled: [Packet] = []

    enum Packet {
        case bytes(ByteBuffer)
        case end
    }

    init(
        id: UInt64, machine: Machine, peer: Machine, network: VirtualNetwork, remote: String
    ) {
        self.id = id
        self.machine = machine
        self.peerMachine = peer
        self.life = machine.life
        self.network = network
        self.remote = remote
    }

    /// Neither side has found it closed.
    var isWhole: Bool { self.isOpen && self.peer?.isOpen == true }

    func join(_ peer: ConnectionEnd) {
        self.peer = peer
        peer.peer = self
    }

    /// One message, handed to the peer's program in one piece.
    package func send(_ bytes: ByteBuffer) {
        guard self.isOpen else { return }
        self.put(.bytes(bytes))
    }

    /// This program is done with it; the peer hears of it.
    package func close() {
        guard self.isOpen else { return }
        self.isOpen = false
        self.letGo()
        self.network.forget(self)
        self.put(.end)
    }

    /// The process behind this end is gone; its kernel says so, if it can.
    func abandon() {
        guard self.isOpen else { return }
        self.isOpen = false
        self.letGo()
        self.network.forget(self)
        if self.machine.hasPower { self.put(.end) }
    }

    /// The network gives the connection up: this side hears of it now, the other one by itself.
    func breakOff() {
        guard self.isOpen else { return }
        self.isOpen = false
        self.stalled.removeAll()
        self.network.forget(self)
        self.machine.perform({ self.tellClosed() }, ofLife: self.life)
    }

    private func put(_ packet: Packet) {
        guard self.stalled.isEmpty, !self.isCut else {
            self.stalled.append(packet)
            return self.network.stalled(self)
        }
        self.fly(packet)
    }

    private var isCut: Bool {
        self.network.paths.isBlocked(from: self.machine.host, to: self.peerMachine.host)
    }

    private func fly(_ packet: Packet) {
        let world = self.network.world
        let latency = world.random.duration(
            in: self.network.paths.latency(from: self.machine.host, to: self.peerMachine.host))
        let arrival = max(world.time + latency.wholeNanoseconds, self.lastArrival + 1)
        self.lastArrival = arrival
        world.at(arrival) { self.arrive(packet) }
    }

    private func arrive(_ packet: Packet) {
        guard self.peerMachine.hasPower else { return self.network.stalled(self) }
        guard let peer = self.peer, peer.isOpen else {
            // Nobody is there any more: the sender finds the connection closed.
            if self.isOpen, case .bytes = packet { self.reset() }
            return
        }
        peer.machine.perform({ peer.take(packet) }, ofLife: peer.life)
    }

    private func reset() {
        let latency = self.network.world.random.duration(
            in: .microseconds(20)...(.microseconds(300)))
        self.network.world.after(latency) { self.breakOff() }
    }

    private func take(_ packet: Packet) {
        guard self.isOpen else { return }
        switch packet {
        case .bytes(let bytes):
            self.network.world.trace.mix(self.id << 32 | UInt64(bytes.checksum))
            self.received?(bytes)
        case .end:
            self.isOpen = false
            self.network.forget(self)
            self.tellClosed()
        }
    }

    private func tellClosed() {
        let closed = self.closed
        self.letGo()
        closed?()
    }

    /// Nothing is told to the program any more.
    func letGo() {
        self.received = nil
        self.closed = nil
    }

    /// Some path is good again: if it is this one, what was held back comes, a little later.
    func retransmit() {
        guard !self.stalled.isEmpty else { return }
        guard !self.isCut else {
            self.network.waits(self)
            return
        }
        let packets = self.stalled
        self.stalled.removeAll()
        for packet in packets { self.fly(packet) }
    }
}

extension ByteBuffer {
    fileprivate var checksum: UInt32 { self.withUnsafeReadableBytes { Checksum.crc32c($0) } }
}
