import NIOCore
import RemotingProtocol

/// Answers every request as if it were a send that was stored, and does nothing else.
///
/// It takes frames apart by their length and looks for the request's number, no more: what a
/// server of the same protocol reaches on this machine if its own work costs nothing.
final class BareServer: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let answer = BareAnswer()
    private var received = ByteBuffer()
    private var answers = ByteBuffer()

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = self.unwrapInboundIn(data)
        if self.received.readableBytes == 0 {
            self.received = bytes
        } else {
            self.received.writeBuffer(&bytes)
        }
        while let frame = self.nextFrame() {
            guard let opaque = Self.opaque(of: frame) else { return context.close(promise: nil) }
            self.answer.write(to: opaque, into: &self.answers)
        }
        if self.received.readableBytes == 0 { self.received = ByteBuffer() }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        guard self.answers.readableBytes > 0 else { return }
        context.writeAndFlush(self.wrapOutboundOut(self.answers), promise: nil)
        self.answers = ByteBuffer()
    }

    private func nextFrame() -> ByteBuffer? {
        guard let count: Int32 = self.received.getInteger(at: self.received.readerIndex), count > 4,
            self.received.readableBytes >= 4 + Int(count)
        else { return nil }
        self.received.moveReaderIndex(forwardBy: 4)
        return self.received.readSlice(length: Int(count))
    }

    /// The number after `"opaque":` in a JSON header.
    private static func opaque(of frame: ByteBuffer) -> Int32? {
        let name = "\"opaque\":".utf8
        return frame.withUnsafeReadableBytes { bytes in
            guard bytes.count > 4 else { return nil }
            let headCount = bytes[1...3].reduce(0) { $0 << 8 | Int($1) }
            let head = bytes.dropFirst(4).prefix(headCount)
            for start in head.indices where head[start] == UInt8(ascii: "\"") {
                guard head[start...].starts(with: name) else { continue }
                let digits = head[(start + name.count)...].prefix { (0x30...0x39).contains($0) }
                return digits.reduce(0) { $0 &* 10 &+ Int32($1 - 0x30) }
            }
            return nil
        }
    }
}

/// One answer in which only the number changes.
private struct BareAnswer {
    private static let opaqueMax = Int32.max
    private let frame: ByteBuffer
    /// Where the number's last digit stands.
    private let lastDigit: Int

    init() {
        let response = SendResponse(
            opaque: Self.opaqueMax, messageIDs: .several("7F00000100002A9F0000000000000000"),
            queueID: 0, queueOffset: 0)
        var frame = ByteBuffer()
        response.encode(into: &frame)
        let digits = Array("\(Self.opaqueMax)".utf8)
        let bytes = Array(frame.readableBytesView)
        let first = bytes.indices.first { bytes[$0...].starts(with: digits) } ?? 0
        self.frame = frame
        self.lastDigit = first + digits.count - 1
    }

    func write(to opaque: Int32, into buffer: inout ByteBuffer) {
        let start = buffer.writerIndex
        buffer.writeImmutableBuffer(self.frame)
        var at = start + self.lastDigit
        var left = opaque
        // Blanks may stand before a number.
        for _ in 0..<10 {
            let digit = UInt8(ascii: "0") + UInt8(left % 10)
            buffer.setInteger(left > 0 || at == start + self.lastDigit ? digit : 0x20, at: at)
            left /= 10
            at -= 1
        }
    }
}
