package import RemotingProtocol

/// How a client connects and what it lets wait.
package struct RemotingClientOptions: Sendable {
    package var connections = ConnectionLimits()

    /// Name resolution and the TCP handshake together.
    package var connectTime: Duration = .seconds(3)

    /// Calls without an answer over all connections, as the Java client bounds them.
    package var inFlightMax = 65_535

    package var serialization = SerializationType.json

    package init() {}
}
