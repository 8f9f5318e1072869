import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// What has arrived at a socket and was not read yet.
enum SocketBacklog {
    /// In bytes; 0 where nobody can tell. On the channel's loop only.
    static func bytes(of context: ChannelHandlerContext) -> Int {
        let count = try? context.pipeline.syncOperations.withUnsafeTransportIfAvailable(
            of: NIOBSDSocket.Handle.self
        ) { socket -> Int in
            var count = CInt(0)
            return ioctl(socket, UInt(FIONREAD), &count) == 0 ? Int(count) : 0
        }
        return count.flatMap(\.self) ?? 0
    }
}
