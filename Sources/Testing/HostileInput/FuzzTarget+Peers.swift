import HostileBytes
import ControllerCore
import MessageFormat
import NIOCore
import PeerTransport
import Raft
import ReplicationProtocol

extension FuzzTarget {
    /// A word between master and replica.
    static let replication = FuzzTarget(name: "replication", seeds: Self.replicationSeeds) {
        bytes in
        guard let message = try? ReplicationMessage(parsing: bytes) else { return }
        guard let again = try? ReplicationMessage(parsing: message.encoded) else {
            return demand(false, "what was read can be written and read")
        }
        demand(again == message, "and is the same")
    }

    /// Words of controllers, each behind two bytes of its length: read, and told to a member.
    static let raft = FuzzTarget(name: "raft", seeds: Self.raftSeeds) { bytes in
        var cursor = ByteCursor(bytes)
        var member = RaftMember()
        while !cursor.isAtEnd {
            let count = Int(cursor.byte()) << 8 | Int(cursor.byte())
            let word = Array(cursor.take(count))
            _ = try? RaftEntry.Content(decoding: word)
            _ = try? Membership(decoding: word)
            _ = try? ControllerSnapshot.decode(word)
            if let command = try? ControllerCommand(parsing: word) {
                let again = try? ControllerCommand(parsing: command.encoded)
                demand(again == command, "a command that was read can be written and read")
            }
            guard let message = try? RaftMessage(decoding: word) else { continue }
            let again = try? RaftMessage(decoding: message.encoded)
            demand(again == message, "a message that was read can be written and read")
            member.hear(message)
        }
    }

    /// The frames around both, in pieces whose length the first byte says.
    static let peerFrame = FuzzTarget(
        name: "peer-frame",
        seeds: { Self.replicationSeeds().map { [3] + PeerFrame.encode($0).readableBytesView } }
    ) { bytes in
        guard let first = bytes.first else { return }
        let stream = UnsafeRawBufferPointer(rebasing: bytes[1...])
        let whole = Self.payloads(of: stream, piece: max(1, stream.count))
        demand(
            whole == Self.payloads(of: stream, piece: 1 + Int(first)),
            "the same payloads come out, however the stream is cut")
    }

    private static func payloads(of stream: UnsafeRawBufferPointer, piece: Int) -> [ByteBuffer] {
        var decoder = PeerFrameDecoder(bytesMax: 1 << 20)
        var payloads: [ByteBuffer] = []
        for start in stride(from: 0, to: stream.count, by: piece) {
            decoder.append(ByteBuffer(bytes: stream[start..<min(start + piece, stream.count)]))
            do throws(PeerFrameError) {
                while let payload = try decoder.next() { payloads.append(payload) }
            } catch {
                return payloads
            }
        }
        return payloads
    }
}

/// One of three controllers, with a disk that is always done.
private struct RaftMember {
    private var node: RaftNode
    private var tick = Tick(.seconds(1))

    init() {
        let settings = RaftSettings(firstMembership: Membership(voters: ["a", "b", "c"]))
        self.node = RaftNode(
            id: "a", restored: RaftRestored(), settings: settings, seed: 1, at: self.tick)
    }

    mutating func hear(_ message: RaftMessage) {
        self.tick = self.tick + .milliseconds(20)
        self.node.receive(message, at: self.tick)
        self.node.advance(to: self.tick)
        // A member comes to rest after a few turns; it may not go on for ever.
        for _ in 0..<16 {
            let ready = self.node.takeReady()
            if ready.isEmpty { return }
            for message in ready.messagesNow + ready.messagesAfterPersist {
                _ = try? RaftMessage(decoding: message.encoded)
            }
            if let persist = ready.persist { self.node.persisted(persist.token, at: self.tick) }
        }
        demand(false, "a member comes to rest")
    }
}

// Seeds.
extension FuzzTarget {
    private static func replicationSeeds() -> [[UInt8]] {
        let (epoch, offset) = (Epoch(3), PhysicalOffset(4_096))
        let messages: [ReplicationMessage] = [
            .hello(
                ReplicaHello(
                    clusterName: "c", brokerName: "b", brokerID: 2, incarnation: 9, epoch: epoch,
                    logID: 1, logStart: .zero, logEnd: offset)),
            .welcome(
                MasterWelcome(
                    epoch: epoch, logID: 1, segmentBytes: 1 << 20, logStart: .zero, logEnd: offset,
                    confirmed: offset, history: [EpochStart(epoch: epoch, start: .zero)])),
            .follow(from: offset),
            .batches(
                LogStretch(epoch: epoch, confirmed: offset, position: offset, bytes: [1, 2, 3])),
            .confirmed(epoch: epoch, confirmed: offset),
            .ack(epoch: epoch, written: offset, durable: offset),
            .rollCall(epoch: epoch, number: 1), .present(epoch: epoch, number: 1),
            .goodbye(epoch: epoch, .stopping, remark: "bye"),
        ]
        return messages.map(\.encoded)
    }

    /// What "a" hears while it is there, and while it comes back and the others have compacted
    /// their logs: each kind of word, and all of them in a row.
    private static func raftSeeds() -> [[UInt8]] {
        var group = RaftGroup()
        group.pass(.seconds(3))
        group.away = ["a"]
        group.pass(.seconds(2))
        group.compact()
        group.away = []
        group.pass(.seconds(2))
        let words = group.heardByA.map { word in
            var bytes: [UInt8] = []
            bytes.append(bigEndian: UInt16(clamping: word.count))
            return bytes + word
        }
        let kinds = Dictionary(grouping: words) { $0[3] }.sorted { $0.key < $1.key }
        return kinds.flatMap { $0.value.prefix(3) } + [Array(words.prefix(40).joined())]
    }
}

/// Three controllers in memory.
private struct RaftGroup {
    private var nodes: [NodeID: RaftNode] = [:]
    private var tick = Tick(.seconds(1))
    private var committed = LogIndex.zero
    var away: Set<NodeID> = []
    private(set) var heardByA: [[UInt8]] = []

    init() {
        let settings = RaftSettings(firstMembership: Membership(voters: ["a", "b", "c"]))
        for (id, seed) in [("a", 1), ("b", 2), ("c", 3)] as [(NodeID, UInt64)] {
            self.nodes[id] = RaftNode(
                id: id, restored: RaftRestored(), settings: settings, seed: seed, at: self.tick)
        }
    }

    mutating func pass(_ time: Duration) {
        let end = self.tick + time
        while self.tick < end {
            self.tick = self.tick + .milliseconds(20)
            for id in self.here {
                self.nodes[id]?.advance(to: self.tick)
                _ = self.nodes[id]?.propose([1, 2, 3], at: self.tick)
            }
            for _ in 0..<8 { for id in self.here { self.exchange(id) } }
        }
    }

    mutating func compact() {
        for id in self.here { self.nodes[id]?.compact(upTo: self.committed, snapshot: [4, 5, 6]) }
    }

    private var here: [NodeID] { self.nodes.keys.sorted().filter { !self.away.contains($0) } }

    private mutating func exchange(_ id: NodeID) {
        guard let ready = self.nodes[id]?.takeReady() else { return }
        self.committed = max(self.committed, ready.committed.last?.index ?? .zero)
        if let persist = ready.persist { self.nodes[id]?.persisted(persist.token, at: self.tick) }
        for message in ready.messagesNow + ready.messagesAfterPersist
        where !self.away.contains(message.to) {
            if message.to == "a" { self.heardByA.append(message.encoded) }
            self.nodes[message.to]?.receive(message, at: self.tick)
        }
    }
}
