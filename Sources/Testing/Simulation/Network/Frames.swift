package import NIOCore
package import RemotingProtocol

// Commands cross the virtual network as the bytes that real sockets carry.
extension RemotingCommand {
    package var framed: ByteBuffer {
        var bytes = ByteBuffer()
        self.encode(into: &bytes, as: .json)
        return bytes
    }
}

extension ReceivedCommand {
    /// The command of one whole frame, length included; nil when the bytes are none.
    package static func unframed(_ bytes: ByteBuffer) -> ReceivedCommand? {
        var frame = bytes
        frame.moveReaderIndex(forwardBy: min(4, frame.readableBytes))
        return try? ReceivedCommand(frame: frame)
    }
}
