import RemotingProtocol
import RemotingTransport
import Synchronization

/// Tells the consumer's loop what its connections report: they are made before it is.
final class ConsumerEvents: Sendable {
    private struct WeakLoop { weak var loop: ConsumerLoop? }

    private let target = Mutex(WeakLoop())

    func relay(to loop: ConsumerLoop) { self.target.withLock { $0.loop = loop } }

    private var loop: ConsumerLoop? { self.target.withLock { $0.loop } }

    func closed(_ address: String) { self.loop?.connectionClosed(address) }

    func received(_ request: ReceivedCommand, on connection: RemotingConnection) {
        guard let loop = self.loop else {
            return ClientConnection.refuse(request, on: connection)
        }
        loop.received(request, on: connection)
    }
}
