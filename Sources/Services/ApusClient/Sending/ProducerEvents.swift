import RemotingProtocol
import RemotingTransport
import Synchronization

/// Tells the producer's loop what its connections report: they are made before it is.
final class ProducerEvents: Sendable {
    private struct WeakLoop { weak var loop: ProducerLoop? }

    private let target = Mutex(WeakLoop())

    func relay(to loop: ProducerLoop) { self.target.withLock { $0.loop = loop } }

    private var loop: ProducerLoop? { self.target.withLock { $0.loop } }

    func closed(_ address: String) { self.loop?.post(.connectionClosed(address)) }

    func received(_ request: ReceivedCommand, on connection: RemotingConnection) {
        guard let loop = self.loop else {
            return ClientConnection.refuse(request, on: connection)
        }
        switch request.requestCode {
        case .checkTransactionState: loop.checkAsked(request, on: connection)
        case .pushReplyMessageToClient: loop.replyCame(request, on: connection)
        default: ClientConnection.refuse(request, on: connection)
        }
    }
}
