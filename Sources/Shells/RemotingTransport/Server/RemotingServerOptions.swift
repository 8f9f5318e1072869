/// How a server listens.
package struct RemotingServerOptions: Sendable {
    package var connections = ConnectionLimits()

    /// A connection beyond is closed at once; those that are served do not notice.
    package var connectionsMax = 20_000

    /// Connections the kernel keeps until they are accepted.
    package var backlog: Int32 = 1_024

    /// How long accepting rests when the process or the system has no file descriptor left.
    package var acceptPause: Duration = .milliseconds(100)

    package init() {}
}
