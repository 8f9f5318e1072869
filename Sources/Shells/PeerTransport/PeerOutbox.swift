import NIOCore

/// Frames on their way to one link's socket.
struct PeerOutbox {
    private var frames: [ByteBuffer] = []
    private var gatheredBytes = 0

    /// What was appended and has not left, gathered or with the channel.
    private(set) var bytes = 0
    private(set) var lastLeft: NIODeadline
    private(set) var closeReason: PeerCloseReason?

    /// A burst is being received, and the loop comes for the frames after it.
    var isHeld = false
    /// The loop will come for the frames by itself.
    private var isDrainExpected = false

    init(at now: NIODeadline) { self.lastLeft = now }

    mutating func append(_ frame: ByteBuffer, at now: NIODeadline) {
        // From idle on, the time to leave counts from here.
        if self.bytes == 0 { self.lastLeft = now }
        self.frames.append(frame)
        self.gatheredBytes += frame.readableBytes
        self.bytes += frame.readableBytes
    }

    /// True when the caller has to see to it that the frames are drained.
    mutating func expectDrain() -> Bool {
        if self.isHeld || self.isDrainExpected || self.frames.isEmpty { return false }
        self.isDrainExpected = true
        return true
    }

    mutating func takeAll() -> (frames: [ByteBuffer], bytes: Int) {
        self.isDrainExpected = false
        defer {
            self.frames = []
            self.gatheredBytes = 0
        }
        return (self.frames, self.gatheredBytes)
    }

    mutating func left(_ count: Int, at now: NIODeadline) -> (before: Int, after: Int) {
        let before = self.bytes
        self.bytes -= count
        self.lastLeft = now
        return (before, self.bytes)
    }

    /// True for the first caller only.
    mutating func close(because reason: PeerCloseReason) -> Bool {
        guard self.closeReason == nil else { return false }
        self.closeReason = reason
        return true
    }
}
