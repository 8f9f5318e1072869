import MessageFormat
package import NIOCore

/// Why a peer's bytes are no frame. Nothing behind them can be trusted.
package enum PeerFrameError: Error, Hashable, Sendable {
    case wrongLength(Int, bytesMax: Int)
    case wrongChecksum(stored: UInt32, found: UInt32)
}

extension PeerFrameError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .wrongLength(let length, let bytesMax):
            "a payload has 1 to \(bytesMax) bytes, not \(length)"
        case .wrongChecksum(let stored, let found):
            "the payload's CRC-32C is \(found), its frame says \(stored)"
        }
    }
}

/// How servers of ours frame what they say to each other. Big-endian.
///
/// | at | bytes | field |
/// | --- | --- | --- |
/// | 0 | 4 | length of the payload |
/// | 4 | 4 | CRC-32C of the payload |
/// | 8 | | payload |
///
/// TCP's own checksum lets one damaged packet in some millions pass; what goes into a log is worth
/// a better one.
package enum PeerFrame {
    package static let headBytes = 8

    /// The frame of a payload that lies in two pieces, so that a large piece is copied once only.
    package static func encode(_ first: [UInt8], _ second: [UInt8] = []) -> ByteBuffer {
        let count = first.count + second.count
        var frame = ByteBufferAllocator().buffer(capacity: Self.headBytes + count)
        let checksum = second.withUnsafeBytes { second in
            first.withUnsafeBytes { Checksum.crc32c(second, seed: Checksum.crc32c($0)) }
        }
        frame.writeInteger(UInt32(count))
        frame.writeInteger(checksum)
        frame.writeBytes(first)
        frame.writeBytes(second)
        return frame
    }
}

/// Splits a stream into payloads. A payload is a slice of what was read.
package struct PeerFrameDecoder {
    private let bytesMax: Int
    /// The first payload's limit: nobody knows yet who the peer is.
    private let firstBytesMax: Int
    private var hasFirst = false
    /// What was read and not handed on.
    private var rest = ByteBuffer()
    /// Nobody else holds a slice of `rest`, so that bytes may be added in place.
    private var isRestOwn = false

    package init(bytesMax: Int, firstBytesMax: Int? = nil) {
        self.bytesMax = bytesMax
        self.firstBytesMax = firstBytesMax ?? bytesMax
    }

    package var bufferedBytes: Int { self.rest.readableBytes }

    package mutating func append(_ bytes: ByteBuffer) {
        guard self.rest.readableBytes > 0 else {
            self.rest = bytes
            self.isRestOwn = false
            return
        }
        if !self.isRestOwn { self.moveRest(with: bytes.readableBytes) }
        self.rest.writeImmutableBuffer(bytes)
    }

    /// Into memory of its own, which grows with what really comes: a length is only a claim.
    private mutating func moveRest(with more: Int) {
        var moved = ByteBufferAllocator().buffer(capacity: 2 * (self.rest.readableBytes + more))
        moved.writeImmutableBuffer(self.rest)
        self.rest = moved
        self.isRestOwn = true
    }

    package mutating func next() throws(PeerFrameError) -> ByteBuffer? {
        guard let length = self.rest.getInteger(at: self.rest.readerIndex, as: UInt32.self) else {
            return nil
        }
        let bytesMax = self.hasFirst ? self.bytesMax : min(self.firstBytesMax, self.bytesMax)
        guard length > 0, length <= bytesMax else {
            throw .wrongLength(Int(length), bytesMax: bytesMax)
        }
        let whole = PeerFrame.headBytes + Int(length)
        guard var frame = self.rest.readSlice(length: whole) else { return nil }
        self.isRestOwn = false
        frame.moveReaderIndex(forwardBy: 4)
        let stored = frame.readInteger(as: UInt32.self) ?? 0
        let found = frame.withUnsafeReadableBytes { Checksum.crc32c($0) }
        guard stored == found else { throw .wrongChecksum(stored: stored, found: found) }
        self.hasFirst = true
        return frame
    }
}
