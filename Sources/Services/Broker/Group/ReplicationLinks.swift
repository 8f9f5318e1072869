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

    mutating func opened(_ link: PeerLink, as id: LinkID) { self.links[id] = link }

    mutating func closed(_ id: LinkID) { self.links[id] = nil }

    func send(_ message: ReplicationMessage, on id: LinkID) {
        guard let link = self.links[id] else { return }
        let pieces = message.pieces
        link.send(pieces.head, pieces.body)
    }

    func close(_ id: LinkID) { self.links[id]?.close() }

    mutating func closeAll() {
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
