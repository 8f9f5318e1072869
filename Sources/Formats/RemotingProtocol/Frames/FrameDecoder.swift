package import NIOCore

/// Splits a stream of bytes into frames.
///
/// Frames are slices of the buffers that were read: a frame that arrived in one read is never
/// copied. Only the unfinished frame at the end of a read is, once, when its rest arrives.
package struct FrameDecoder: Sendable {
    /// A frame's largest total size, the four bytes of its length included.
    package static let bytesMax = 16 << 20

    private let bytesMax: Int
    private var buffer = ByteBuffer()
    /// Whether nobody else holds slices of `buffer`, so that it can grow in place.
    private var isUnshared = false
    private var failure: FrameError?

    package init(bytesMax: Int = Self.bytesMax) { self.bytesMax = bytesMax }

    /// Bytes that wait for the rest of their frame.
    package var bufferedBytes: Int { self.buffer.readableBytes }

    package mutating func append(_ bytes: ByteBuffer) {
        guard self.failure == nil, bytes.readableBytes > 0 else { return }
        guard self.buffer.readableBytes > 0 else {
            self.buffer = bytes
            self.isUnshared = false
            return
        }
        if !self.isUnshared { self.moveToOwnBuffer(adding: bytes.readableBytes) }
        self.buffer.writeImmutableBuffer(bytes)
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
            guard let frame = try self.nextFrame() else { return nil }
            return try ReceivedCommand(frame: frame)
        } catch {
            self.failure = error
            self.buffer = ByteBuffer()
            throw error
        }
    }

    private mutating func nextFrame() throws(FrameError) -> ByteBuffer? {
        guard let word = self.buffer.getInteger(at: self.buffer.readerIndex, as: Int32.self) else {
            return nil
        }
        let length = Int(word)
        guard length >= 4 else { throw .wrongLength(length) }
        guard length + 4 <= self.bytesMax else {
            throw .tooLong(bytes: length + 4, bytesMax: self.bytesMax)
        }
        guard self.buffer.readableBytes >= length + 4 else { return nil }
        self.buffer.moveReaderIndex(forwardBy: 4)
        self.isUnshared = false
        return self.buffer.readSlice(length: length)
    }

    /// Slices of the old buffer are in use elsewhere; growing it would copy all of it.
    private mutating func moveToOwnBuffer(adding count: Int) {
        var own = ByteBuffer()
        own.reserveCapacity(self.buffer.readableBytes + count)
        own.writeImmutableBuffer(self.buffer)
        self.buffer = own
        self.isUnshared = true
    }
}
