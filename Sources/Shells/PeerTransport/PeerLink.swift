import Logging
package import NIOCore
package import ReplicationProtocol
import Synchronization

/// One connection between two servers of ours.
///
/// Every method may be called from any thread. Payloads leave in the order of the calls, and
/// whatever gathers within one turn of the link's loop leaves in one write.
package final class PeerLink: Sendable {
    package let id: LinkID
    package let remote: String
    package let eventLoop: any EventLoop
    /// This side connected.
    package let isOutgoing: Bool

    private let channel: any Channel
    private let limits: PeerLinkLimits
    private let logger: Logger
    private let outbox: Mutex<PeerOutbox>

    init(channel: any Channel, isOutgoing: Bool, limits: PeerLinkLimits, logger: Logger) {
        self.id = Self.nextID()
        self.remote = Self.text(channel.remoteAddress)
        self.eventLoop = channel.eventLoop
        self.outbox = Mutex(PeerOutbox(at: channel.eventLoop.now))
        self.isOutgoing = isOutgoing
        self.channel = channel
        self.limits = limits
        self.logger = logger
    }

    /// Dropped when the link has ended. Too long a payload, which no peer would take, ends it.
    package func send(_ payload: [UInt8]) { self.send(payload, []) }

    /// Sends one payload that lies in two pieces, for callers whose large piece exists already.
    package func send(_ first: [UInt8], _ second: [UInt8]) {
        self.send(frame: PeerFrame.encode(first, second))
    }

    /// Sends what `PeerFrame.encode` made: several links can share it.
    package func send(frame: ByteBuffer) { self.write(frame, thenDrain: true) }

    /// Gathers a frame for the next `flush` or `send`.
    package func gather(frame: ByteBuffer) { self.write(frame, thenDrain: false) }

    /// Hands what was gathered to the socket: at once on the link's loop, soon from elsewhere, and
    /// after the whole burst while one is being received.
    package func flush() {
        guard self.outbox.withLock({ $0.expectDrain() }) else { return }
        if self.eventLoop.inEventLoop {
            self.drain()
        } else {
            self.eventLoop.execute { self.drain() }
        }
    }

    /// Bytes that were sent and have not left this process.
    package var bufferedBytes: Int { self.outbox.withLock { $0.bytes } }

    /// False while the peer takes less than we send: hold back what can wait.
    package var isWritable: Bool { self.bufferedBytes < self.limits.writableBytesMax }

    /// Closes after a last attempt to write what was sent before.
    package func close() { self.close(because: .closedHere) }

    /// Why the link ended; nil while it is open.
    package var closeReason: PeerCloseReason? { self.outbox.withLock { $0.closeReason } }

    /// Completes when the socket is gone.
    var closed: EventLoopFuture<Void> { self.channel.closeFuture }
}

// MARK: - Writing

extension PeerLink {
    private enum Written {
        case refused, gathered, drainWanted, overflowed(bytes: Int)
    }

    private func write(_ frame: ByteBuffer, thenDrain: Bool) {
        let count = frame.readableBytes - PeerFrame.headBytes
        guard count > 0, count <= self.limits.payloadBytesMax else {
            let error = PeerFrameError.wrongLength(count, bytesMax: self.limits.payloadBytesMax)
            return self.close(because: .failed("cannot send: \(error)"))
        }
        let written = self.outbox.withLock { outbox -> Written in
            guard outbox.closeReason == nil else { return .refused }
            outbox.append(frame, at: self.eventLoop.now)
            if outbox.bytes > self.limits.outboundBytesMax {
                return .overflowed(bytes: outbox.bytes)
            }
            return thenDrain && outbox.expectDrain() ? .drainWanted : .gathered
        }
        switch written {
        case .refused, .gathered: break
        case .drainWanted: self.eventLoop.execute { self.drain() }
        case .overflowed(let bytes): self.close(because: .slowReader(bytes: bytes))
        }
    }

    /// Runs `body`, a burst's processing, and then writes what it sent. On the loop only.
    func gatheringWrites(_ body: () -> Void) {
        self.outbox.withLock { $0.isHeld = true }
        body()
        let isWanted = self.outbox.withLock { outbox in
            outbox.isHeld = false
            return outbox.expectDrain()
        }
        if isWanted { self.drain() }
    }

    /// Moves gathered frames to the socket. On the loop only.
    private func drain() {
        let (frames, bytes) = self.outbox.withLock { $0.takeAll() }
        guard let last = frames.last else { return }
        for frame in frames.dropLast() { self.channel.write(frame, promise: nil) }
        self.channel.writeAndFlush(last).whenSuccess { self.left(bytes) }
    }

    /// Bytes were taken by the socket.
    private func left(_ bytes: Int) {
        let (before, after) = self.outbox.withLock { $0.left(bytes, at: self.eventLoop.now) }
        let limit = self.limits.writableBytesMax
        if before >= limit, after < limit {
            self.channel.pipeline.fireUserInboundEventTriggered(PeerWritable())
        }
    }

    /// When bytes last left, and how many still wait.
    var outbound: (lastLeft: NIODeadline, waiting: Int) {
        self.outbox.withLock { ($0.lastLeft, $0.bytes) }
    }
}

// MARK: - Closing

extension PeerLink {
    func close(because reason: PeerCloseReason) {
        guard self.noteClose(because: reason) else { return }
        self.eventLoop.execute {
            if reason == .closedHere { self.drain() }
            self.channel.close(promise: nil)
        }
    }

    /// The socket is gone.
    func ended() { _ = self.noteClose(because: .closedByPeer) }

    /// Settles the reason, which is logged once. False when the link was closing already.
    private func noteClose(because reason: PeerCloseReason) -> Bool {
        guard self.outbox.withLock({ $0.close(because: reason) }) else { return false }
        // Of links that strangers may have opened the listener says now and then how many there were.
        self.logger.log(
            level: reason.isOrdinary || !self.isOutgoing ? .debug : .warning, "peer link closed",
            metadata: ["link": "\(self.id)", "peer": "\(self.remote)", "reason": "\(reason)"])
        return true
    }

    private static let lastID = Atomic<UInt64>(0)

    private static func nextID() -> LinkID {
        LinkID(value: Self.lastID.wrappingAdd(1, ordering: .relaxed).newValue)
    }

    private static func text(_ address: SocketAddress?) -> String {
        "\(address?.ipAddress ?? "unknown"):\(address?.port ?? 0)"
    }
}

/// The link has become writable.
struct PeerWritable: Sendable {}

extension PeerCloseReason {
    var isOrdinary: Bool {
        switch self {
        case .closedByPeer, .closedHere, .idle: true
        case .badFrame, .slowSender, .slowReader, .tooManyLinks, .failed: false
        }
    }
}
