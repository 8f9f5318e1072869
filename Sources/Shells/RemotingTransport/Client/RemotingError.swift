/// Why a call has no answer.
///
/// `requestWasSent` is the honest doubt: false means that the peer certainly never saw the request,
/// true that it may have.
package enum RemotingError: Error, Hashable, Sendable {
    /// Nothing was sent.
    case connectFailed(address: String, reason: String)
    case timedOut(address: String, after: Duration, requestWasSent: Bool)
    case connectionClosed(address: String, requestWasSent: Bool)
    /// The peer answered with what is no frame.
    case badFrame(address: String, reason: String)
    /// The task that waited was cancelled.
    case cancelled(address: String, requestWasSent: Bool)
    case tooManyInFlight(limit: Int)
    /// No peer would accept it.
    case requestTooLarge(bytes: Int, bytesMax: Int)
    /// The peer reads so slowly that no more requests may wait for it.
    case outboundFull(address: String, bytesMax: Int)
    case shutDown
}

extension RemotingError {
    /// Whether the peer may have seen, and acted on, the request.
    package var requestWasSent: Bool {
        switch self {
        case .timedOut(_, _, let wasSent), .connectionClosed(_, let wasSent),
            .cancelled(_, let wasSent):
            wasSent
        case .badFrame: true
        case .connectFailed, .tooManyInFlight, .requestTooLarge, .outboundFull, .shutDown: false
        }
    }
}

extension RemotingError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .connectFailed(let address, let reason): "cannot connect to \(address): \(reason)"
        case .timedOut(let address, let after, let wasSent):
            "no answer from \(address) within \(after)\(Self.note(wasSent))"
        case .connectionClosed(let address, let wasSent):
            "the connection to \(address) was closed\(Self.note(wasSent))"
        case .badFrame(let address, let reason): "bad frame from \(address): \(reason)"
        case .cancelled(let address, let wasSent):
            "the call to \(address) was cancelled\(Self.note(wasSent))"
        case .tooManyInFlight(let limit): "\(limit) requests are waiting for answers already"
        case .requestTooLarge(let bytes, let bytesMax):
            "a request of \(bytes) bytes, at most \(bytesMax) are allowed"
        case .outboundFull(let address, let bytesMax):
            "\(bytesMax) bytes are waiting to be sent to \(address) already"
        case .shutDown: "the client is shut down"
        }
    }

    private static func note(_ wasSent: Bool) -> String {
        wasSent ? "" : ", the request was not sent"
    }
}
