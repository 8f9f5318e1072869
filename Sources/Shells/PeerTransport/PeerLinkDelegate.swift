package import NIOCore

/// What a link reports, in the order `opened`, `received`…, `closed`; all calls come on the link's
/// event loop and must not block it.
package protocol PeerLinkDelegate: Sendable {
    func opened(_ link: PeerLink)

    /// The payloads of all frames of one read, in order. Never empty.
    ///
    /// What is sent on this link during the call leaves in one write after it.
    func received(_ payloads: [ByteBuffer], from link: PeerLink)

    /// What waited has left: `isWritable` is true again after having been false.
    func becameWritable(_ link: PeerLink)

    /// The last call for this link; `link.closeReason` says why.
    func closed(_ link: PeerLink)
}

extension PeerLinkDelegate {
    package func becameWritable(_ link: PeerLink) {}
}
