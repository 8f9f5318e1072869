import NIOCore
package import RemotingProtocol

/// What a connection reports, in the order `opened`, `received`…, `closed`; all calls come on the
/// connection's event loop and must not block it.
package protocol RemotingServerDelegate: Sendable {
    func opened(_ connection: RemotingConnection)

    /// All complete frames of one read, in the order of their bytes. Never empty.
    ///
    /// What is sent on this connection during the call leaves in one write after it.
    func received(_ commands: [ReceivedCommand], from connection: RemotingConnection)

    /// The socket took what had gathered: `isWritable` is true again after having been false.
    func becameWritable(_ connection: RemotingConnection)

    func closed(_ connection: RemotingConnection)
}

extension RemotingServerDelegate {
    package func becameWritable(_ connection: RemotingConnection) {}
}

extension RemotingConnection {
    package func send(_ command: RemotingCommand, as serialization: SerializationType = .json) {
        var bytes = ByteBuffer()
        command.encode(into: &bytes, as: serialization)
        self.send(bytes)
    }
}
