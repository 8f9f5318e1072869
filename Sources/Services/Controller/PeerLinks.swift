import Logging
import MessageFormat
import NIOCore
import PeerTransport
import Raft
import RemotingProtocol

/// The links to the other controllers: one that this side opens for what it sends, one that the
/// other side opens for what it says. Everything happens on one event loop.
final class PeerLinks {
    /// What the worker is told.
    enum Event {
        case received(RaftMessage, from: NodeID)
        case lost(NodeID)
    }

    private let own: PeerHello
    private let loop: any EventLoop
    private let logger: Logger
    private let limits: PeerLinkLimits
    private var outgoing: [NodeID: OutgoingPeer] = [:]
    /// Links that others opened; nil until they have said who they are.
    private var incoming: [ObjectIdentifier: NodeID?] = [:]
    private let isKnown: (NodeID) -> Bool
    private let tell: (Event) -> Void
    private var isClosed = false

    init(
        group: String, id: String, loop: any EventLoop, logger: Logger,
        isKnown: @escaping (NodeID) -> Bool, tell: @escaping (Event) -> Void
    ) {
        self.own = PeerHello(group: group, from: id, to: "")
        self.loop = loop
        self.logger = logger
        self.limits = Self.linkLimits
        self.isKnown = isKnown
        self.tell = tell
    }

    /// Pings come each 200 ms, so silence means that the other side is gone.
    static var linkLimits: PeerLinkLimits {
        var limits = PeerLinkLimits()
        limits.idleTime = .seconds(2)
        limits.stallTime = .seconds(2)
        limits.connectTime = .milliseconds(500)
        limits.linksMax = 64
        limits.firstPayloadBytesMax = 4 << 10  // a hello, or its answer
        return limits
    }

    /// The members of the group have changed, or their addresses.
    func update(_ peers: [ControllerPeer], at now: Tick) {
        var wanted: [NodeID: ControllerEndpoint] = [:]
        for peer in peers where peer.id != self.own.from {
            wanted[NodeID(peer.id)] = try? ControllerEndpoint(peer.address)
        }
        for (node, peer) in self.outgoing where wanted[node] != peer.endpoint {
            self.outgoing[node] = nil
            peer.link?.close()
        }
        for (node, endpoint) in wanted where self.outgoing[node] == nil {
            self.outgoing[node] = OutgoingPeer(endpoint: endpoint, at: now)
        }
    }

    /// Dropped while there is no link: Raft sends what matters again.
    func send(_ message: RaftMessage, to node: NodeID) {
        guard let link = self.outgoing[node]?.openLink, link.isWritable else { return }
        link.send(PeerPayload.raft(message.encoded).encoded)
    }

    func advance(to now: Tick) {
        guard !self.isClosed else { return }
        for node in self.outgoing.keys.sorted() {
            switch self.outgoing[node]?.advance(to: now) {
            case .connect: self.connect(to: node)
            case .ping(let link): link.send(PeerPayload.ping.encoded)
            case .giveUp(let link): self.outgoingEnded(link, because: "no answer", at: now)
            case .nothing, nil: break
            }
        }
    }

    func close() {
        self.isClosed = true
        for peer in self.outgoing.values { peer.link?.close() }
    }
}

// The links that this side opens.
extension PeerLinks {
    private func connect(to node: NodeID) {
        guard let endpoint = self.outgoing[node]?.endpoint else { return }
        let door = PeerDoor(self, loop: self.loop)
        let address = endpoint.raftAddress
        PeerConnector.connect(
            to: address, on: self.loop, delegate: door, limits: self.limits, logger: self.logger
        ).assumeIsolated().whenComplete { result in
            let now = Clock.now().tick
            switch result {
            case .success(let link): self.connected(link, to: node, at: now)
            case .failure(let error): self.failed(node, because: "\(error)", at: now)
            }
        }
    }

    private func connected(_ link: PeerLink, to node: NodeID, at now: Tick) {
        guard !self.isClosed, self.outgoing[node] != nil, link.closeReason == nil else {
            link.close()
            return self.failed(node, because: nil, at: now)
        }
        self.outgoing[node]?.connected(link, at: now)
        var hello = self.own
        hello.to = node.value
        link.send(PeerPayload.hello(hello).encoded)
    }

    private func failed(_ node: NodeID, because reason: String?, at now: Tick) {
        guard self.outgoing[node]?.failed(because: reason, at: now) ?? false else { return }
        self.logger.notice("no link to controller \(node): \(reason ?? "")")
    }

    private func node(of link: PeerLink) -> NodeID? {
        self.outgoing.first { $0.value.link === link }?.key
    }

    private func answered(_ payload: PeerPayload, on link: PeerLink) {
        guard let node = self.node(of: link) else { return }
        let now = Clock.now().tick
        switch payload {
        case .welcome:
            self.outgoing[node]?.welcomed(at: now)
            self.logger.info("linked with controller \(node) at \(link.remote)")
        case .pong: self.outgoing[node]?.heard(at: now)
        case .refused(let reason):
            self.outgoingEnded(link, because: "refused: \(reason)", at: now)
        case .hello, .raft, .ping:
            self.outgoingEnded(link, because: "it says what it may not", at: now)
        }
    }

    private func outgoingEnded(_ link: PeerLink, because reason: String, at now: Tick) {
        guard let node = self.node(of: link) else { return }
        let wasOpen = self.outgoing[node]?.openLink != nil
        self.failed(node, because: reason, at: now)
        link.close()
        if wasOpen, !self.isClosed { self.tell(.lost(node)) }
    }
}

// The links that others open.
extension PeerLinks {
    private func said(_ payload: PeerPayload, on link: PeerLink) {
        let key = ObjectIdentifier(link)
        switch (payload, self.incoming[key] ?? nil) {
        case (.hello(let hello), nil): self.greeted(hello, on: link)
        case (.raft(let bytes), let node?):
            do throws(RaftCodingError) {
                self.tell(.received(try RaftMessage(decoding: bytes), from: node))
            } catch {
                self.refuse(link, because: "a message of \(node) is no message: \(error)")
            }
        case (.ping, .some): link.send(PeerPayload.pong.encoded)
        case (_, nil): self.refuse(link, because: "the first word on a link is a hello")
        case (_, let node?): self.refuse(link, because: "\(node) says what it may not")
        }
    }

    private func greeted(_ hello: PeerHello, on link: PeerLink) {
        if let problem = self.problem(with: hello) { return self.refuse(link, because: problem) }
        self.incoming[ObjectIdentifier(link)] = .some(NodeID(hello.from))
        link.send(PeerPayload.welcome.encoded)
    }

    private func problem(with hello: PeerHello) -> String? {
        guard hello.group == self.own.group else {
            return "this is group '\(self.own.group)', not '\(hello.group)'"
        }
        guard hello.to == self.own.from else {
            return "this is controller '\(self.own.from)', not '\(hello.to)'"
        }
        guard hello.from != self.own.from else {
            return "'\(hello.from)' is this controller's own name"
        }
        return self.isKnown(NodeID(hello.from))
            ? nil : "controller '\(hello.from)' is not a member of this group"
    }

    private func refuse(_ link: PeerLink, because reason: String) {
        self.logger.warning("link from \(link.remote) refused: \(reason)")
        link.send(PeerPayload.refused(reason: reason).encoded)
        link.close()
    }
}

extension PeerLinks {
    func opened(_ link: PeerLink) {
        if !link.isOutgoing { self.incoming[ObjectIdentifier(link)] = .some(nil) }
    }

    func received(_ payloads: [ByteBuffer], from link: PeerLink) {
        for payload in payloads where link.closeReason == nil {
            guard let payload = PeerPayload(parsing: Array(payload.readableBytesView)) else {
                link.isOutgoing
                    ? self.outgoingEnded(
                        link, because: "not a controller", at: Clock.now().tick)
                    : self.refuse(link, because: "not what a controller sends")
                return
            }
            link.isOutgoing ? self.answered(payload, on: link) : self.said(payload, on: link)
        }
    }

    func closed(_ link: PeerLink) {
        if link.isOutgoing {
            let reason = link.closeReason.map { "\($0)" } ?? "closed"
            return self.outgoingEnded(link, because: reason, at: Clock.now().tick)
        }
        let node = self.incoming.removeValue(forKey: ObjectIdentifier(link)) ?? nil
        // The same controller may have come again before the old link was seen to end.
        guard let node, !self.isClosed, !self.incoming.values.contains(node) else { return }
        self.tell(.lost(node))
    }
}

/// Brings what happens on links to their owner. All of them live on its loop.
final class PeerDoor: PeerLinkDelegate {
    private let links: NIOLoopBound<PeerLinks>

    init(_ links: PeerLinks, loop: any EventLoop) {
        self.links = NIOLoopBound(links, eventLoop: loop)
    }

    func opened(_ link: PeerLink) { self.links.value.opened(link) }
    func received(_ payloads: [ByteBuffer], from link: PeerLink) {
        self.links.value.received(payloads, from: link)
    }
    func closed(_ link: PeerLink) { self.links.value.closed(link) }
}
