/// Why a connection ended. The first reason stays.
package enum CloseReason: Hashable, Sendable {
    case closedByPeer
    case closedHere
    case badFrame(String)
    /// A frame was not complete in time.
    case slowSender(bytes: Int)
    /// More bytes waited for the peer than it may leave unread.
    case slowReader(bytes: Int)
    /// All peers together left too much unread, and this one more than others.
    case tooMuchUnread(bytes: Int)
    /// All peers together kept too many frames incomplete, and this one for longest.
    case tooMuchUnfinished(bytes: Int)
    case idle
    case tooManyConnections(limit: Int)
    case failed(String)
}

extension CloseReason: CustomStringConvertible {
    package var description: String {
        switch self {
        case .closedByPeer: "closed by the peer"
        case .closedHere: "closed here"
        case .badFrame(let problem): "bad frame: \(problem)"
        case .slowSender(let bytes): "a frame stayed incomplete for too long, \(bytes) bytes of it"
        case .slowReader(let bytes): "the peer left \(bytes) bytes unread"
        case .tooMuchUnread(let bytes):
            "all peers left too much unread, this one \(bytes) bytes"
        case .tooMuchUnfinished(let bytes):
            "all peers kept too much incomplete, this one \(bytes) bytes for longest"
        case .idle: "neither read nor write for too long"
        case .tooManyConnections(let limit): "more than \(limit) connections"
        case .failed(let problem): problem
        }
    }
}
