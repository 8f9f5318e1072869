import NIOCore
import RemotingProtocol

/// How long a call may take, and until when that is.
struct CallTime: Sendable {
    /// Longer waits are cut to this; nobody means them, and clock arithmetic must not overflow.
    private static let limitMax = Duration.seconds(24 * 3600)

    let limit: Duration
    let deadline: NIODeadline

    init(limit: Duration, from now: NIODeadline = .now()) {
        self.limit = limit
        self.deadline = now + TimeAmount(max(.zero, min(limit, Self.limitMax)))
    }
}

/// A request that was handed to the connection and whose answer somebody waits for.
struct PendingCall: Sendable {
    let time: CallTime
    let completion: RemotingClient.Completion
}

/// A request on its way to the connection.
struct OutgoingCall: Sendable {
    enum Kind: Sendable {
        case call(RemotingClient.Completion)
        case oneWay(RemotingClient.OneWayCompletion)
    }

    let opaque: Int32
    let bytes: ByteBuffer
    let time: CallTime
    let kind: Kind
}

extension OutgoingCall.Kind {
    func fail(_ error: RemotingError) {
        switch self {
        case .call(let completion): completion(.failure(error))
        case .oneWay(let completion): completion(.failure(error))
        }
    }
}
