import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

enum ListeningSocket {
    /// A child that is just being started has a copy of the socket until it runs its program: closing
    /// alone would leave the port taken. On the channel's loop only.
    static func stopListening(_ channel: any Channel) {
        _ = try? channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(
            of: NIOBSDSocket.Handle.self
        ) { socket in
            _ = shutdown(socket, CInt(SHUT_RDWR))
        }
    }
}
