import RemotingProtocol
import Synchronization

/// A server's open connections. It stands between them and the server's delegate, which hears only
/// of those that were admitted.
final class ConnectionRegistry: RemotingServerDelegate {
    private struct State {
        var open: [ConnectionID: RemotingConnection] = [:]
        var isClosing = false
    }

    private let delegate: any RemotingServerDelegate
    private let connectionsMax: Int
    private let state = Mutex(State())

    init(delegate: any RemotingServerDelegate, connectionsMax: Int) {
        self.delegate = delegate
        self.connectionsMax = connectionsMax
    }

    var count: Int { self.state.withLock { $0.open.count } }

    /// Admits nobody from now on, and returns those who are still there.
    func beginClosing() -> [RemotingConnection] {
        self.state.withLock { state in
            state.isClosing = true
            return Array(state.open.values)
        }
    }

    func opened(_ connection: RemotingConnection) {
        if let refusal = self.admit(connection) {
            connection.close(because: refusal)
        } else {
            self.delegate.opened(connection)
        }
    }

    private func admit(_ connection: RemotingConnection) -> CloseReason? {
        self.state.withLock { state in
            if state.isClosing { return .closedHere }
            guard state.open.count < self.connectionsMax else {
                return .tooManyConnections(limit: self.connectionsMax)
            }
            state.open[connection.id] = connection
            return nil
        }
    }

    func received(_ commands: [ReceivedCommand], from connection: RemotingConnection) {
        self.delegate.received(commands, from: connection)
    }

    func becameWritable(_ connection: RemotingConnection) {
        self.delegate.becameWritable(connection)
    }

    func closed(_ connection: RemotingConnection) {
        let wasAdmitted = self.state.withLock { $0.open.removeValue(forKey: connection.id) != nil }
        if wasAdmitted { self.delegate.closed(connection) }
    }
}
