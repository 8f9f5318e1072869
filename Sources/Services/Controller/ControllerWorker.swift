import ControllerEngine
import Logging
import MessageFormat
import NIOCore
import PeerTransport
import Raft
import RemotingProtocol
import RemotingTransport
import Storage

/// The hands of the controller's engine: everything here runs on one event loop, in turns.
///
/// A turn takes whatever has gathered, lets the engine decide, and does what it decided. The disk
/// is written within the turn: what waits for it waits anyhow, and batches gather meanwhile.
final class ControllerWorker {
    private let loop: any EventLoop
    private let store: RaftStore
    private let logger: Logger
    private let stop: @Sendable (any Error) -> Void
    private(set) var engine: ControllerEngine
    private var connections: [ConnectionID: RemotingConnection] = [:]
    private var isTurnScheduled = false
    private var throttle = LogThrottle()
    private(set) var hasFailed = false
    /// Since the start, for operators.
    private(set) var requests = Int64(0)
    private(set) var elections = Int64(0)
    private(set) var peers: PeerLinks?

    init(
        engine: ControllerEngine, store: RaftStore, loop: any EventLoop, logger: Logger,
        stop: @escaping @Sendable (any Error) -> Void
    ) {
        self.engine = engine
        self.store = store
        self.loop = loop
        self.logger = logger
        self.stop = stop
        self.peers = PeerLinks(
            group: engine.settings.groupName, id: engine.settings.id.value, loop: loop,
            logger: logger, isKnown: { [weak self] in self?.knows($0) ?? false },
            tell: { [weak self] in self?.take($0) })
    }

    var connectionCount: Int { self.connections.count }

    // MARK: Inputs

    func opened(_ connection: RemotingConnection) {
        self.connections[connection.id] = connection
    }

    func received(_ commands: [ReceivedCommand], from connection: RemotingConnection) {
        guard !self.hasFailed else { return connection.close() }
        let now = Clock.now()
        self.requests += Int64(commands.count)
        for command in commands {
            self.engine.receive(command, from: connection.id, at: now)
        }
        self.scheduleTurn()
    }

    func closed(_ connection: RemotingConnection) {
        self.connections[connection.id] = nil
        self.engine.closed(connection.id, at: Clock.now())
        self.scheduleTurn()
    }

    private func take(_ event: PeerLinks.Event) {
        switch event {
        case .received(let message, let node):
            self.engine.peer(node, sent: message, at: Clock.now())
        case .lost(let node): self.engine.peerLost(node, at: Clock.now())
        }
        self.scheduleTurn()
    }

    /// Some hundred times a second.
    func tick() {
        let now = Clock.now()
        self.peers?.advance(to: now.tick)
        self.engine.advance(to: now)
        self.turn()
    }

    /// Whether leadership is with another now, or nobody is there to take it.
    func handOver() -> Bool {
        let isOnItsWay = self.engine.handOver(at: Clock.now())
        self.turn()
        return !isOnItsWay
    }

    /// A member, or one that the configuration names: its group may not know it yet.
    private func knows(_ node: NodeID) -> Bool {
        self.engine.raft.membership.contains(node)
            || self.engine.settings.peers.contains { $0.id == node.value }
    }

    // MARK: Turns

    /// The turn comes after everything else that is ready on this loop.
    private func scheduleTurn() {
        guard !self.isTurnScheduled else { return }
        self.isTurnScheduled = true
        self.loop.assumeIsolated().execute { self.turn() }
    }

    func turn() {
        self.isTurnScheduled = false
        var hasNews = true
        // What is durable now lets the engine decide more within the same turn.
        while hasNews && !self.hasFailed {
            self.engine.endOfTurn(at: Clock.now())
            hasNews = false
            for effect in self.engine.takeEffects() where !self.hasFailed {
                hasNews = self.perform(effect) || hasNews
            }
        }
    }

    /// Returns whether the engine has heard something new by that.
    private func perform(_ effect: ControllerEffect) -> Bool {
        switch effect {
        case .persist(let persist): return self.persist(persist)
        case .sendPeer(let node, let message): self.peers?.send(message, to: node)
        case .answer(let connection, let command, let serialization):
            self.connections[connection]?.send(command, as: serialization)
        case .notify(let connection, let command): self.connections[connection]?.send(command)
        case .peersChanged(let peers): self.peers?.update(peers, at: Clock.now().tick)
        case .report(let event): self.log(event)
        case .fail(let reason): self.fail(ControllerFailure(description: reason))
        }
        return false
    }

    private func persist(_ persist: RaftPersist) -> Bool {
        do throws(RaftStoreError) {
            try self.store.persist(RaftBatch(persist))
        } catch {
            self.fail(error)
            return false
        }
        self.engine.persisted(persist.token, at: Clock.now())
        return true
    }

    /// "An fsync error is fatal": what was promised may not be on disk. Nothing is said any more.
    private func fail(_ error: any Error) {
        guard !self.hasFailed else { return }
        self.hasFailed = true
        self.logger.critical("the controller stops: \(error)")
        for connection in self.connections.values { connection.close() }
        self.peers?.close()
        self.stop(error)
    }

    private func log(_ event: ControllerEvent) {
        if case .electionProposed = event { self.elections += 1 }
        let level: Logger.Level = event.isWarning ? .warning : .info
        switch self.throttle.admit(at: Clock.now().tick) {
        case .log: self.logger.log(level: level, "\(event)")
        case .logAndSaySo:
            self.logger.log(level: level, "\(event) (more lines of this second are left out)")
        case .drop: break
        }
    }
}
