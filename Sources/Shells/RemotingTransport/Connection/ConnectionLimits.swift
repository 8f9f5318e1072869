/// What one connection may cost us, on either side.
package struct ConnectionLimits: Sendable {
    /// The largest frame, its length word included. The wire's own limit.
    package var frameBytesMax = 16 << 20

    /// From a frame's first byte to its last: a peer that dribbles bytes cannot hold memory longer.
    package var frameTime: Duration = .seconds(10)

    /// Neither read nor write for so long closes the connection. Peers send heartbeats each 30 s.
    package var idleTime: Duration = .seconds(120)

    /// Bytes that wait for a peer which does not read them; beyond, the connection is closed.
    package var outboundBytesMax = 64 << 20

    /// Above so many bytes in the channel's own queue a connection counts as not writable.
    package var writableBytesMax = 1 << 20

    package init() {}
}
