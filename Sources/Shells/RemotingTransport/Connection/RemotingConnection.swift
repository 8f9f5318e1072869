import Logging
package import MessageFormat
package import NIOCore
package import RemotingProtocol
import Synchronization

/// One TCP connection, seen from whoever answers or asks on it.
///
/// Every method may be called from any thread. What is sent leaves in the order of the calls, and
/// whatever gathers within one turn of the connection's loop leaves in one write.
package final class RemotingConnection: Sendable {
    package let id: ConnectionID
    package let remote: HostAddress
    package let local: HostAddress
    package let eventLoop: any EventLoop

    private let channel: any Channel
    private let outboundBytesMax: Int
    private let registry: ConnectionRegistry?
    private let logger: Logger
    private let outbox = Mutex(Outbox())
    private let lastWriteNanoseconds = Atomic<UInt64>(0)
    private let unfinishedBytes = Atomic<Int>(0)
    private let backlogNanoseconds = Atomic<Int64>(0)
    private let unfinishedSince = Atomic<UInt64>(0)
    private let isAwaitingSocket = Atomic<Bool>(false)

    init(
        channel: any Channel, limits: ConnectionLimits, registry: ConnectionRegistry?,
        logger: Logger
    ) {
        self.id = Self.nextID()
        self.remote = HostAddress(channel.remoteAddress)
        self.local = HostAddress(channel.localAddress)
        self.eventLoop = channel.eventLoop
        self.channel = channel
        self.outboundBytesMax = limits.outboundBytesMax
        self.registry = registry
        self.logger = logger
    }

    /// Writes and flushes. Several sends within one turn of the loop share one write.
    package func send(_ bytes: ByteBuffer) {
        _ = self.take(bytes)
    }

    /// Like `send`; false when the connection has ended and will not send the bytes.
    func take(_ bytes: ByteBuffer) -> Bool {
        self.write(bytes, thenDrain: true)
    }

    /// Gathers bytes for the next `flush` or `send`.
    package func write(_ bytes: ByteBuffer) {
        _ = self.write(bytes, thenDrain: false)
    }

    /// Hands what was written to the socket: at once on the connection's loop, soon from elsewhere,
    /// and after the whole burst while one is being received.
    package func flush() {
        guard self.outbox.withLock({ $0.expectDrain() }) else { return }
        if self.eventLoop.inEventLoop {
            self.drain()
        } else {
            self.eventLoop.execute { self.drain() }
        }
    }

    /// False while the peer reads more slowly than we write: hold back what can wait.
    package var isWritable: Bool { self.channel.isWritable }

    /// Whether what the peer sends is read. What is not read stays in the socket, and then with the
    /// peer.
    package func setReading(_ isReading: Bool) {
        self.channel.setOption(.autoRead, value: isReading).whenComplete { _ in }
    }

    /// Closes after a last attempt to write what was sent before.
    package func close() {
        self.close(because: .closedHere)
    }

    /// Why the connection ended; nil while it is open.
    package var closeReason: CloseReason? { self.outbox.withLock { $0.closeReason } }

    /// Completes when the connection is closed and its delegate has been told.
    var closed: EventLoopFuture<Void> { self.channel.closeFuture }
}

// MARK: - Writing

extension RemotingConnection {
    private enum Written {
        case refused, gathered, worthWriting, drainWanted, overflowed(bytes: Int)
    }

    private func write(_ bytes: ByteBuffer, thenDrain: Bool) -> Bool {
        let written = self.withOutbox { outbox -> Written in
            guard outbox.isOpen else { return .refused }
            outbox.append(bytes)
            if outbox.bytes > self.outboundBytesMax { return .overflowed(bytes: outbox.bytes) }
            if thenDrain, outbox.expectDrain() { return .drainWanted }
            return outbox.bytes >= Outbox.worthWritingBytes ? .worthWriting : .gathered
        }
        switch written {
        case .refused: return false
        case .gathered: break
        case .worthWriting: if self.eventLoop.inEventLoop { self.drain() }
        case .drainWanted: self.eventLoop.execute { self.drain() }
        case .overflowed(let bytes): self.close(because: .slowReader(bytes: bytes))
        }
        if let registry = self.registry, registry.unread.isExceeded { registry.relieveOfUnread() }
        return true
    }

    /// Runs `body`, a burst's processing, and then writes what it sent. On the loop only.
    func gatheringWrites(_ body: () -> Void) {
        self.outbox.withLock { $0.isHeld = true }
        body()
        self.outbox.withLock { $0.isHeld = false }
        self.flush()
    }

    /// Moves gathered bytes to the socket for as long as it takes them. On the loop only.
    ///
    /// Stops when the socket is full, still expected: the handler drains again once it has room.
    func drain() {
        var isFlushed = true
        while self.channel.isWritable || !isFlushed {
            if self.channel.isWritable, let chunk = self.outbox.withLock({ $0.takeChunk() }) {
                self.channel.write(chunk, promise: nil)
                isFlushed = false
            } else if isFlushed {
                return
            } else {
                self.channel.flush()
                isFlushed = true
                self.lastWriteNanoseconds.store(
                    self.eventLoop.now.uptimeNanoseconds, ordering: .relaxed)
                self.noteFlush()
            }
        }
    }

    /// How long what the peer has sent last will wait until it is read, at the present pace.
    package internal(set) var backlogTime: TimeAmount {
        get { .nanoseconds(self.backlogNanoseconds.load(ordering: .relaxed)) }
        set { self.backlogNanoseconds.store(newValue.nanoseconds, ordering: .relaxed) }
    }

    /// When bytes were last handed to the socket.
    var lastWrite: NIODeadline {
        .uptimeNanoseconds(self.lastWriteNanoseconds.load(ordering: .relaxed))
    }
}

// MARK: - What it makes the server keep

extension RemotingConnection {
    /// What was sent and waits for the peer to read.
    var unreadBytes: Int { self.outbox.withLock { $0.unreadBytes } }

    /// What has come of a frame that is not complete.
    var unfinished: (since: UInt64, bytes: Int) {
        (
            self.unfinishedSince.load(ordering: .relaxed),
            self.unfinishedBytes.load(ordering: .relaxed)
        )
    }

    /// On the loop only.
    func keepsUnfinished(_ bytes: Int, since: NIODeadline) {
        let before = self.unfinishedBytes.load(ordering: .relaxed)
        guard let registry = self.registry, before != bytes else { return }
        self.unfinishedBytes.store(bytes, ordering: .relaxed)
        self.unfinishedSince.store(since.uptimeNanoseconds, ordering: .relaxed)
        registry.unfinished.change(by: bytes - before)
        if bytes > before, registry.unfinished.isExceeded { registry.relieveOfUnfinished() }
    }

    /// Changes the outbox, and with it what all connections together leave unread.
    @discardableResult
    private func withOutbox<Result: Sendable>(
        _ body: (inout sending Outbox) -> sending Result
    ) -> Result {
        self.outbox.withLock { outbox in
            let before = outbox.unreadBytes
            let result = body(&outbox)
            self.registry?.unread.change(by: outbox.unreadBytes - before)
            return result
        }
    }

    /// What the socket did not take stays unread; an empty write behind it tells when it is gone.
    private func noteFlush() {
        guard self.registry != nil, self.closeReason == nil else { return }
        let left = (try? self.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
        self.withOutbox { $0.flushed(left: left) }
        guard left > 0, !self.isAwaitingSocket.exchange(true, ordering: .relaxed) else { return }
        self.channel.writeAndFlush(ByteBuffer()).whenComplete { _ in
            self.isAwaitingSocket.store(false, ordering: .relaxed)
            self.noteFlush()
        }
    }
}

// MARK: - Closing

extension RemotingConnection {
    func close(because reason: CloseReason) {
        guard self.noteClose(because: reason) else { return }
        if self.eventLoop.inEventLoop {
            self.closeChannel(because: reason)
        } else {
            self.eventLoop.execute { self.closeChannel(because: reason) }
        }
    }

    /// Settles the reason, which is logged once. False when the connection was closing already.
    @discardableResult
    private func noteClose(because reason: CloseReason) -> Bool {
        guard self.outbox.withLock({ $0.close(because: reason) }) else { return false }
        self.logger.debug(
            "connection closed",
            metadata: [
                "connection": "\(self.id)", "peer": "\(self.remote)", "reason": "\(reason)",
            ])
        return true
    }

    /// The socket is gone.
    func ended() {
        self.noteClose(because: .closedByPeer)
        self.withOutbox { $0.discard() }
        self.keepsUnfinished(0, since: self.eventLoop.now)
    }

    private func closeChannel(because reason: CloseReason) {
        if reason == .closedHere { self.drain() }
        self.withOutbox { $0.discard() }
        self.channel.close(promise: nil)
    }
}

extension RemotingConnection {
    private static let lastID = Atomic<UInt64>(0)

    private static func nextID() -> ConnectionID {
        ConnectionID(value: Self.lastID.wrappingAdd(1, ordering: .relaxed).newValue)
    }
}
