import BrokerEngine
import Logging
import MessageFormat
import NIOCore
import PeerTransport
import ReplicationProtocol

/// The connections of a broker to its group: those that replicas opened, and its own to the
/// master. On the worker's event loop only.
struct ReplicationLinks {
    private var links: [LinkID: PeerLink] = [:]
    /// Links on which something was sent since the last `flush`.
    private var dirty: [PeerLink] = []
    /// All replicas that keep up get the same stretch, one after the other.
    private var latest: (stretch: StretchKey, frame: ByteBuffer)?

    mutating func opened(_ link: PeerLink, as id: LinkID) { self.links[id] = link }

    mutating func closed(_ id: LinkID) { self.links[id] = nil }

    /// Gathers; `flush` sends.
    mutating func send(_ message: ReplicationMessage, on id: LinkID) {
        guard let link = self.links[id] else { return }
        link.gather(frame: self.frame(of: message))
        self.dirty.append(link)
    }

    mutating func flush() {
        guard !self.dirty.isEmpty else { return }
        for link in self.dirty { link.flush() }
        self.dirty.removeAll(keepingCapacity: true)
        self.latest = nil
    }

    private mutating func frame(of message: ReplicationMessage) -> ByteBuffer {
        let pieces = message.pieces
        guard case .batches(let stretch) = message else {
            return PeerFrame.encode(pieces.head, pieces.body)
        }
        let key = StretchKey(stretch)
        if let latest = self.latest, latest.stretch == key { return latest.frame }
        let frame = PeerFrame.encode(pieces.head, pieces.body)
        self.latest = (key, frame)
        return frame
    }

    /// What tells one stretch of one log from another: within an epoch, its place.
    private struct StretchKey: Equatable {
        let epoch: Epoch
        let confirmed: PhysicalOffset
        let position: PhysicalOffset
        let count: Int

        init(_ stretch: LogStretch) {
            self.epoch = stretch.epoch
            self.confirmed = stretch.confirmed
            self.position = stretch.position
            self.count = stretch.bytes.count
        }
    }

    mutating func close(_ id: LinkID) {
        self.flush()
        self.links[id]?.close()
    }

    mutating func closeAll() {
        self.flush()
        for link in self.links.values { link.close() }
        self.links = [:]
    }
}

/// Brings what happens on one kind of links to the worker's event loop.
struct ReplicationDoor: PeerLinkDelegate {
    let door: BrokerDoor
    /// The engine's name for the one link that this broker opens; links of replicas have their own.
    var outgoing: LinkID?

    private func name(of link: PeerLink) -> LinkID { self.outgoing ?? link.id }

    func opened(_ link: PeerLink) {
        let name = self.name(of: link)
        self.door.onLoop { $0.linkOpened(link, as: name) }
    }

    func received(_ payloads: [ByteBuffer], from link: PeerLink) {
        let name = self.name(of: link)
        self.door.onLoop { $0.linkReceived(payloads, from: link, as: name) }
    }

    func closed(_ link: PeerLink) {
        let name = self.name(of: link)
        self.door.onLoop { $0.linkClosed(name) }
    }
}
