/// How a server listens.
package struct RemotingServerOptions: Sendable {
    package var connections = ConnectionLimits()

    /// A connection beyond is closed at once; those that are served do not notice.
    /// Never more than the process may have files open, less a reserve for the store's own.
    package var connectionsMax = 20_000

    /// Answers that wait for all peers together; beyond, those are closed who leave most unread.
    package var unreadBytesMax = 64 << 20

    /// Of frames of all peers that are not complete; beyond, those are closed who have taken longest.
    package var unfinishedBytesMax = 64 << 20

    /// Reads of 64 KiB from one connection before the others have their turn: who sends much must
    /// not keep those waiting who send little.
    package var readsAtOnce: UInt = 1

    /// Connections that are taken at once, before those that are open have their turn: after a
    /// restart all clients come together.
    package var acceptsAtOnce: UInt = 256

    /// Connections the kernel keeps until they are accepted.
    package var backlog: Int32 = 4_096

    /// How long accepting rests when the process or the system has no file descriptor left.
    package var acceptPause: Duration = .milliseconds(100)

    package init() {}
}
