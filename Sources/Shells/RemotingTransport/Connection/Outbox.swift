import NIOCore

/// Bytes on their way to one connection's socket, gathered so that many answers leave in one write.
///
/// Small pieces are copied together, large ones kept whole: a copy of a kilobyte is cheaper than
/// one more element of a vectored write, a copy of a megabyte is not.
struct Outbox {
    /// Pieces up to this size are copied into a common chunk.
    static let copiedBytesMax = 4 << 10
    /// A common chunk takes no more pieces when it has grown to this size.
    static let chunkBytes = 64 << 10
    /// With so much gathered a write pays, even while a burst is being received: the peer can work
    /// on the first answers while we make the last.
    static let worthWritingBytes = 16 << 10

    private var chunks = CircularBuffer<ByteBuffer>(initialCapacity: 2)
    /// The common chunk that still grows; it comes after `chunks`.
    private var tail: ByteBuffer?

    private(set) var bytes = 0

    /// What the channel was given and its socket has not taken, as of the last flush.
    private(set) var inChannelBytes = 0

    /// What was sent and waits for the peer to read.
    var unreadBytes: Int { self.bytes + self.inChannelBytes }

    /// A burst is being received, and the loop comes for the bytes after it.
    var isHeld = false

    /// The loop will come for the bytes by itself: a task is under way, or the socket is full and
    /// will say when it is not.
    private var isDrainExpected = false

    private(set) var closeReason: CloseReason?

    var isOpen: Bool { self.closeReason == nil }

    mutating func append(_ piece: ByteBuffer) {
        self.bytes += piece.readableBytes
        if piece.readableBytes <= Self.copiedBytesMax, !self.isEmpty {
            self.appendCopied(piece)
        } else {
            self.sealTail()
            self.chunks.append(piece)
        }
    }

    private var isEmpty: Bool { self.chunks.isEmpty && self.tail == nil }

    private mutating func appendCopied(_ piece: ByteBuffer) {
        if let tail = self.tail, tail.readableBytes >= Self.chunkBytes { self.sealTail() }
        if self.tail == nil {
            self.tail = ByteBufferAllocator().buffer(capacity: 4 * Self.copiedBytesMax)
        }
        self.tail?.writeImmutableBuffer(piece)
    }

    private mutating func sealTail() {
        guard let tail = self.tail else { return }
        self.chunks.append(tail)
        self.tail = nil
    }

    /// True when the caller has to see to it that the bytes are drained; false when there are none
    /// or somebody is on the way already.
    mutating func expectDrain() -> Bool {
        if self.isHeld || self.isDrainExpected || self.isEmpty { return false }
        self.isDrainExpected = true
        return true
    }

    /// The next chunk to write, or nil and then nobody is expected to come for more.
    mutating func takeChunk() -> ByteBuffer? {
        if self.chunks.isEmpty { self.sealTail() }
        guard let chunk = self.chunks.popFirst() else {
            self.isDrainExpected = false
            return nil
        }
        self.bytes -= chunk.readableBytes
        self.inChannelBytes += chunk.readableBytes
        return chunk
    }

    /// The socket took all but `left` bytes.
    mutating func flushed(left: Int) { self.inChannelBytes = left }

    /// True for the first caller only.
    mutating func close(because reason: CloseReason) -> Bool {
        guard self.isOpen else { return false }
        self.closeReason = reason
        return true
    }

    mutating func discard() {
        self.chunks.removeAll()
        self.tail = nil
        self.bytes = 0
        self.inChannelBytes = 0
    }
}
