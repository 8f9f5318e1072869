import NIOCore
import RemotingProtocol

/// A send's whole frame, made once; only the request's number changes from one send to the next.
struct SendFrame {
    /// Numbers have ten digits, so that all frames of a template are equally long.
    static let opaques = Int32(1_000_000_000)...Int32(1_999_999_999)

    private let bytes: ByteBuffer
    private let opaqueAt: Int

    init(_ command: RemotingCommand) {
        var command = command
        command.opaque = Self.opaques.lowerBound
        var bytes = ByteBuffer()
        command.encode(into: &bytes)
        let field = Array("\"opaque\":\(command.opaque)".utf8)
        let view = bytes.readableBytesView
        // The body comes behind the header, so that the first place is the right one.
        let start = view.indices.first { view[$0...].starts(with: field) } ?? view.startIndex
        self.bytes = bytes
        self.opaqueAt = start - view.startIndex + field.count - 10
    }

    func write(numbered opaque: Int32, into buffer: inout ByteBuffer) {
        let start = buffer.writerIndex
        buffer.writeImmutableBuffer(self.bytes)
        var left = opaque
        var at = start + self.opaqueAt + 9
        while left > 0 {
            buffer.setInteger(UInt8(ascii: "0") + UInt8(left % 10), at: at)
            left /= 10
            at -= 1
        }
    }
}
