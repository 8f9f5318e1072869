package import NIOCore

/// Splits a stream of bytes into frames.
///
/// Frames are slices of the buffers that were read: a frame that arrived in one read is never
/// copied. Only the one that a read's end cuts in two is, into memory of its own.
package struct FrameDecoder: Sendable {
    /// A frame's largest total size, the four bytes of its length included.
    package static let bytesMax = 16 << 20

    private let bytesMax: Int
    /// What earlier reads left: as a rule one frame whose rest has not come yet.
    private var unfinished = ByteBuffer()
    /// The latest read, without what was taken out of it.
    private var read = ByteBuffer()
    private var failure: FrameError?

    package init(bytesMax: Int = Self.bytesMax) { self.bytesMax = bytesMax }

    /// Bytes that wait for the rest of their frame.
    package var bufferedBytes: Int { self.unfinished.readableBytes + self.read.readableBytes }

    package mutating func append(_ bytes: ByteBuffer) {
        guard self.failure == nil, bytes.readableBytes > 0 else { return }
        self.keepRest()
        self.read = bytes
    }

    /// Lets the latest read go: little of it may be left, and it may be large.
    private mutating func keepRest() {
        guard self.read.readableBytes > 0 else { return }
        self.unfinished.writeImmutableBuffer(self.read)
        self.read = ByteBuffer()
    }

    /// Appends what is readable and leaves nothing.
    package mutating func append(_ bytes: inout ByteBuffer) {
        self.append(bytes)
        bytes.moveReaderIndex(to: bytes.writerIndex)
    }

    /// The next complete frame, or nil until more bytes have come. After an error the stream has
    /// no meaning any more: the error comes again and again.
    package mutating func next() throws(FrameError) -> ReceivedCommand? {
        if let failure = self.failure { throw failure }
        do throws(FrameError) {
            let frame =
                self.unfinished.readableBytes > 0
                ? try self.finishedFrame() : try self.nextFrame()
            return try frame.map { frame throws(FrameError) in try ReceivedCommand(frame: frame) }
        } catch {
            self.failure = error
            self.unfinished = ByteBuffer()
            self.read = ByteBuffer()
            throw error
        }
    }

    private mutating func nextFrame() throws(FrameError) -> ByteBuffer? {
        guard let length = try self.length(at: self.read),
            self.read.readableBytes >= length + 4
        else {
            self.keepRest()
            return nil
        }
        self.read.moveReaderIndex(forwardBy: 4)
        defer { if self.read.readableBytes == 0 { self.read = ByteBuffer() } }
        return self.read.readSlice(length: length)
    }

    /// Moves what is missing of the unfinished frame, and no more, over from the latest read.
    private mutating func finishedFrame() throws(FrameError) -> ByteBuffer? {
        self.fill(upTo: 4)
        guard let length = try self.length(at: self.unfinished) else { return nil }
        self.fill(upTo: length + 4)
        guard self.unfinished.readableBytes >= length + 4 else { return nil }
        self.unfinished.moveReaderIndex(forwardBy: 4)
        defer { if self.unfinished.readableBytes == 0 { self.unfinished = ByteBuffer() } }
        return self.unfinished.readSlice(length: length)
    }

    private mutating func fill(upTo count: Int) {
        let missing = count - self.unfinished.readableBytes
        guard missing > 0,
            let part = self.read.readSlice(length: min(missing, self.read.readableBytes))
        else { return }
        self.unfinished.writeImmutableBuffer(part)
        if self.read.readableBytes == 0 { self.read = ByteBuffer() }
    }

    /// The length that a frame begins with; nil while not all of it is there.
    private func length(at bytes: ByteBuffer) throws(FrameError) -> Int? {
        guard let word = bytes.getInteger(at: bytes.readerIndex, as: Int32.self) else {
            return nil
        }
        let length = Int(word)
        guard length >= 4 else { throw .wrongLength(length) }
        guard length + 4 <= self.bytesMax else {
            throw .tooLong(bytes: length + 4, bytesMax: self.bytesMax)
        }
        return length
    }
}
