package import Logging
package import NIOCore
package import NIOPosix

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

// What is the same for all who listen on a port, whatever they speak there.

extension ServerBootstrap {
    /// Does not wait for what an earlier process left of the port's connections, and rests
    /// accepting when no file descriptor is left.
    package static func listener(
        on group: any EventLoopGroup, acceptPause: Duration = .milliseconds(100), logger: Logger,
        file: String = #fileID
    ) -> ServerBootstrap {
        ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        AcceptPause(pause: acceptPause, logger: logger, file: file))
                }
            }
    }
}

extension Channel {
    /// Closes a listener, and frees its port at once.
    ///
    /// A child that is just being started has a copy of the socket until it runs its program:
    /// closing alone would leave the port taken.
    @discardableResult
    package func stopListening() -> EventLoopFuture<Void> {
        self.eventLoop.execute {
            _ = try? self.pipeline.syncOperations.withUnsafeTransportIfAvailable(
                of: NIOBSDSocket.Handle.self
            ) { socket in
                _ = shutdown(socket, CInt(SHUT_RDWR))
            }
            self.close(promise: nil)
        }
        return self.closeFuture
    }
}
