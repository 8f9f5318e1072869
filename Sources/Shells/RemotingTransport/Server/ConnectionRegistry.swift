import Listening
import Logging
import NIOCore
import RemotingProtocol
import Synchronization

/// A server's open connections. It stands between them and the server's delegate, which hears only
/// of those that were admitted.
final class ConnectionRegistry: RemotingServerDelegate {
    private struct State {
        var open: [ConnectionID: RemotingConnection] = [:]
        var isClosing = false
        var reports: [String: SparseReport] = [:]
    }

    private let delegate: any RemotingServerDelegate
    private let connectionsMax: Int
    private let logger: Logger
    private let state = Mutex(State())

    /// Answers that were sent and that no socket has taken.
    let unread: SharedBytes
    /// Of frames that are not complete.
    let unfinished: SharedBytes

    init(
        delegate: any RemotingServerDelegate, options: RemotingServerOptions, logger: Logger
    ) {
        self.delegate = delegate
        self.connectionsMax = options.connectionsMax
        self.unread = SharedBytes(bytesMax: options.unreadBytesMax)
        self.unfinished = SharedBytes(bytesMax: options.unfinishedBytesMax)
        self.logger = logger
    }

    var count: Int { self.state.withLock { $0.open.count } }

    var all: [RemotingConnection] { self.state.withLock { Array($0.open.values) } }

    /// Admits nobody from now on, and returns those who are still there.
    func beginClosing() -> [RemotingConnection] {
        self.state.withLock { state in
            state.isClosing = true
            return Array(state.open.values)
        }
    }

    func opened(_ connection: RemotingConnection) {
        guard let refusal = self.admit(connection) else { return self.delegate.opened(connection) }
        connection.close(because: refusal)
        guard case .tooManyConnections(let limit) = refusal else { return }
        self.report("too many connections: new ones are closed", count: 1, ["limit": "\(limit)"])
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

    /// At most one line of its kind in ten seconds.
    func report(_ what: String, count: Int, _ metadata: Logger.Metadata) {
        let total = self.state.withLock {
            $0.reports[what, default: SparseReport()].note(count, at: .now())
        }
        guard let total else { return }
        self.logger.warning(
            "\(what)", metadata: metadata.merging(["count": "\(total)"]) { $1 })
    }
}
