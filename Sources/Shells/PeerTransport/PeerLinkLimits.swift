/// What one link may cost, on either side.
package struct PeerLinkLimits: Sendable {
    /// The largest payload: a batch of the log at its longest, and room around it.
    package var payloadBytesMax = 20 << 20

    /// The largest payload that is taken from the peer; nil: the same. Who only expects short words
    /// need not hold what a liar sends.
    package var receivedPayloadBytesMax: Int?

    /// The largest first payload, which says who the peer is; nil: as any other. A stranger makes
    /// nobody hold more.
    package var firstPayloadBytesMax: Int?

    /// From a frame's first byte to its last.
    package var frameTime: Duration = .seconds(10)

    /// Neither read nor write for so long closes the link.
    package var idleTime: Duration = .seconds(60)

    /// Bytes that wait and none of them leaves for so long: the peer is gone, and its system could
    /// not say so.
    package var stallTime: Duration = .seconds(10)

    /// Bytes that wait for a peer which does not read them; beyond, the link is closed.
    package var outboundBytesMax = 64 << 20

    /// With more bytes waiting a link counts as not writable.
    package var writableBytesMax = 4 << 20

    /// Links that a listener admits; one more is closed at once.
    package var linksMax = 256

    package var connectTime: Duration = .seconds(2)

    package init() {}
}

/// Why a link ended. The first reason stays.
package enum PeerCloseReason: Hashable, Sendable {
    case closedByPeer
    case closedHere
    case badFrame(PeerFrameError)
    /// A frame was not complete in time.
    case slowSender(bytes: Int)
    /// More bytes waited for the peer than it may leave unread, or none left for too long.
    case slowReader(bytes: Int)
    case idle
    case tooManyLinks(limit: Int)
    case failed(String)
}

extension PeerCloseReason: CustomStringConvertible {
    package var description: String {
        switch self {
        case .closedByPeer: "closed by the peer"
        case .closedHere: "closed here"
        case .badFrame(let error): "bad frame: \(error)"
        case .slowSender(let bytes): "a frame stayed incomplete for too long, \(bytes) bytes of it"
        case .slowReader(let bytes): "the peer left \(bytes) bytes unread"
        case .idle: "neither read nor write for too long"
        case .tooManyLinks(let limit): "more than \(limit) links"
        case .failed(let problem): problem
        }
    }
}
