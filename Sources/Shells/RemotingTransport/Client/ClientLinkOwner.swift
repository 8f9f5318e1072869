import RemotingProtocol

/// Who a link reports to, on its loop.
protocol ClientLinkOwner: Sendable {
    /// The link takes no more calls.
    func ended(_ link: ClientLink)
    /// A connection that had been there is gone, and its calls have failed.
    func closed(_ address: String)
    /// The peer asks something.
    func received(_ request: ReceivedCommand, from connection: RemotingConnection)
}
