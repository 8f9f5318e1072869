import ControllerCore
import ControllerEngine
import MessageFormat
import Raft
import RemotingProtocol
import Testing

/// Controllers in memory: every message and flush arrives within the turn, unless it is cut off.
struct ControllerWorld {
    private(set) var engines: [NodeID: ControllerEngine] = [:]
    private(set) var now = Now(tick: .zero, wall: Timestamp(milliseconds: 0))
    /// Nodes that neither send nor receive, and whose clock stands still.
    var stopped: Set<NodeID> = []
    /// Nodes whose clock stands still, and nothing else.
    var frozen: Set<NodeID> = []
    /// What each node's disk holds.
    private(set) var disks: [NodeID: RaftRestored] = [:]
    private var answers: [ConnectionID: [ReceivedCommand]] = [:]
    private(set) var notified: [(node: NodeID, connection: ConnectionID, GroupView)] = []
    private(set) var events: [ControllerEvent] = []
    private(set) var failures: [String] = []
    private(set) var peersTold: [NodeID: [ControllerPeer]] = [:]
    private var lastOpaque: Int32 = 0
    private let peers: [ControllerPeer]
    private let tune: (inout ControllerSettings) -> Void

    init(
        nodes: Int = 3, tune: @escaping (inout ControllerSettings) -> Void = { _ in }
    ) throws {
        self.peers = (0..<nodes).map {
            ControllerPeer(id: "n\($0)", address: "127.0.0.1:98\($0)8")
        }
        self.tune = tune
        for peer in self.peers { try self.start(NodeID(peer.id)) }
    }

    mutating func start(_ id: NodeID, restored: RaftRestored? = nil) throws {
        let voters = self.peers.map { NodeID($0.id) }
        var settings = ControllerSettings(
            id: id, peers: self.peers,
            raft: RaftSettings(firstMembership: Membership(voters: voters)))
        self.tune(&settings)
        self.engines[id] = try ControllerEngine(
            settings: settings, restored: restored ?? self.disks[id] ?? RaftRestored(),
            seed: UInt64(id.value.utf8.reduce(7) { $0 &* 31 &+ UInt64($1) }), at: self.now)
        self.stopped.remove(id)
    }

    /// The process ends: peers and brokers see their connections close.
    mutating func kill(_ id: NodeID) {
        self.stopped.insert(id)
        for other in self.engines.keys.sorted() where other != id {
            self.engines[other]?.peerLost(id, at: self.now)
        }
        self.settle()
    }

    /// All controllers start with empty disks.
    mutating func wipe() throws {
        self.disks = [:]
        for peer in self.peers { try self.start(NodeID(peer.id)) }
    }

    /// All controllers start with what their disks held earlier.
    mutating func turnBack(to disks: [NodeID: RaftRestored]) throws {
        self.disks = disks
        for peer in self.peers { try self.start(NodeID(peer.id)) }
    }

    var nodes: [NodeID] { self.engines.keys.sorted() }
    /// Reasons of refusals that were told to the log.
    var refusals: [String] {
        self.events.compactMap { if case .refused(_, let reason) = $0 { reason } else { nil } }
    }
    var running: [NodeID] { self.nodes.filter { !self.stopped.contains($0) } }
    var leader: NodeID? {
        self.running.filter { self.engines[$0]?.raft.isLeaderReady ?? false }
            .max { self.term(of: $0) < self.term(of: $1) }
    }

    private func term(of id: NodeID) -> Term { self.engines[id]?.raft.term ?? .zero }

    /// Lets time pass in steps of ten milliseconds.
    mutating func pass(_ duration: Duration, each step: (inout Self) -> Void = { _ in }) {
        let end = self.now.tick + duration
        while self.now.tick < end {
            self.now.tick = self.now.tick + .milliseconds(10)
            self.now.wall.milliseconds += 10
            for id in self.running where !self.frozen.contains(id) {
                self.engines[id]?.advance(to: self.now)
            }
            self.settle()
            step(&self)
        }
    }

    /// Time in which nobody of them runs.
    mutating func stall(_ duration: Duration) { self.now.tick = self.now.tick + duration }

    mutating func elect() throws -> NodeID {
        for _ in 0..<500 where self.leader == nil { self.pass(.milliseconds(10)) }
        return try #require(self.leader)
    }

    mutating func close(_ connection: ConnectionID, at node: NodeID? = nil) {
        for id in node.map({ [$0] }) ?? self.running {
            self.engines[id]?.closed(connection, at: self.now)
        }
        self.settle()
    }

    mutating func settle() {
        for _ in 0..<1_000 {
            var isQuiet = true
            for id in self.running {
                self.engines[id]?.endOfTurn(at: self.now)
                let effects = self.engines[id]?.takeEffects() ?? []
                isQuiet = isQuiet && effects.isEmpty
                for effect in effects { self.perform(effect, of: id) }
            }
            if isQuiet { return }
        }
        Issue.record("the controllers do not come to rest")
    }

    private mutating func perform(_ effect: ControllerEffect, of id: NodeID) {
        switch effect {
        case .persist(let batch):
            self.disks[id, default: RaftRestored()].write(batch)
            self.engines[id]?.persisted(batch.token, at: self.now)
        case .sendPeer(let target, let message):
            guard !self.stopped.contains(target), !self.stopped.contains(id) else { return }
            self.engines[target]?.peer(id, sent: message, at: self.now)
        case .answer(let connection, let command, let form):
            guard let received = try? ReceivedCommand(receiving: command, as: form) else {
                Issue.record("an answer cannot be read")
                return
            }
            self.answers[connection, default: []].append(received)
        case .notify(let connection, let command):
            guard let received = try? ReceivedCommand(receiving: command),
                let told = try? RoleChangedNotification(received)
            else {
                Issue.record("a notification cannot be read")
                return
            }
            self.notified.append((id, connection, told.view))
        case .peersChanged(let peers): self.peersTold[id] = peers
        case .report(let event): self.events.append(event)
        case .fail(let reason): self.failures.append(reason)
        }
    }
}

// Asking.
extension ControllerWorld {
    /// Sends a request and takes its answer; nil while there is none.
    mutating func ask(
        _ id: NodeID, _ command: RemotingCommand, over connection: ConnectionID = .tool,
        as form: SerializationType = .json
    ) throws -> ReceivedCommand? {
        self.lastOpaque += 1
        var command = command
        command.opaque = self.lastOpaque
        let received = try ReceivedCommand(receiving: command, as: form)
        self.engines[id]?.receive(received, from: connection, at: self.now)
        self.settle()
        let answer = self.answers[connection]?.last { $0.opaque == command.opaque }
        self.answers[connection] = nil
        return answer
    }

    /// Sends a frame as it was received.
    mutating func ask(_ id: NodeID, _ received: ReceivedCommand) throws -> ReceivedCommand? {
        self.engines[id]?.receive(received, from: .tool, at: self.now)
        self.settle()
        return self.takeAnswers(of: .tool).last { $0.opaque == received.opaque }
    }

    mutating func takeAnswers(of connection: ConnectionID) -> [ReceivedCommand] {
        self.answers.removeValue(forKey: connection) ?? []
    }

    /// Asks the leader, who must answer at once.
    mutating func askLeader(
        _ command: RemotingCommand, over connection: ConnectionID = .tool
    ) throws -> ReceivedCommand {
        let leader = try self.elect()
        return try #require(try self.ask(leader, command, over: connection))
    }

    mutating func send(_ message: RaftMessage, from: NodeID, to: NodeID) {
        self.engines[to]?.peer(from, sent: message, at: self.now)
        self.settle()
    }
}

extension ConnectionID {
    static let tool = ConnectionID(value: 1_000_000)
}

extension RaftRestored {
    mutating func write(_ batch: RaftPersist) {
        if let state = batch.hardState { self.hardState = state }
        if let index = batch.truncateFrom { self.entries.removeAll { $0.index >= index } }
        if let snapshot = batch.snapshot {
            self.snapshot = snapshot
            self.entries.removeAll { $0.index <= snapshot.position.index }
        }
        self.entries += batch.entries
    }
}
