import HostileBytes
import ControllerCore
import ControllerEngine
import MessageFormat
import Raft
package import RemotingProtocol

/// A controller that is a group of its own, with a disk that is always done.
package struct ControllerUnderTest {
    private var engine: ControllerEngine
    private var now = Now(tick: Tick(.seconds(1)), wall: BrokerUnderTest.wall)
    private var disk = RaftRestored()

    package init() {
        guard let engine = Self.engine(RaftRestored(), at: self.now) else {
            fatalError("an empty disk is a disk")
        }
        self.engine = engine
        for _ in 0..<100 where !self.engine.raft.isLeaderReady { self.pass(.milliseconds(20)) }
        demand(self.engine.raft.isLeaderReady, "alone, it leads")
    }

    private static func engine(_ disk: RaftRestored, at now: Now) -> ControllerEngine? {
        let settings = ControllerSettings(
            id: "n0", peers: [ControllerPeer(id: "n0", address: "127.0.0.1:9878")],
            raft: RaftSettings(firstMembership: Membership(voters: ["n0"])))
        return try? ControllerEngine(settings: settings, restored: disk, seed: 1, at: now)
    }

    /// Names of the groups that it keeps.
    package var groups: [String] { self.engine.state.groups.keys.sorted() }

    package var canRestart: Bool { Self.engine(self.disk, at: self.now) != nil }

    package mutating func receive(_ request: RemotingCommand) {
        let connection = ConnectionID(value: UInt64(request.opaque & 3))
        self.engine.receive(request.received, from: connection, at: self.now)
        self.settle()
        if request.opaque & 7 == 7 { self.engine.closed(connection, at: self.now) }
        self.pass(.milliseconds(60))
    }

    package mutating func pass(_ time: Duration) {
        self.now.tick = self.now.tick + time
        self.engine.advance(to: self.now)
        self.settle()
    }

    private mutating func settle() {
        for _ in 0..<64 {
            self.engine.endOfTurn(at: self.now)
            let effects = self.engine.takeEffects()
            if effects.isEmpty { return }
            for effect in effects { self.perform(effect) }
        }
        demand(false, "a controller comes to rest")
    }

    private mutating func perform(_ effect: ControllerEffect) {
        switch effect {
        case .persist(let batch):
            self.disk.keep(batch)
            self.engine.persisted(batch.token, at: self.now)
        case .answer(_, let answer, let form): answer.mustBeReadable(as: form)
        case .notify(_, let command): command.mustBeReadable(as: .json)
        case .fail(let reason): demand(false, "no request makes a controller stop: \(reason)")
        case .sendPeer, .peersChanged, .report: break
        }
    }
}

extension RaftRestored {
    fileprivate mutating func keep(_ batch: RaftPersist) {
        if let state = batch.hardState { self.hardState = state }
        if let from = batch.truncateFrom { self.entries.removeAll { $0.index >= from } }
        if let snapshot = batch.snapshot {
            self.snapshot = snapshot
            self.entries.removeAll { $0.index <= snapshot.position.index }
        }
        self.entries += batch.entries
    }
}
