/// One entry of the replicated log.
package struct RaftEntry: Hashable, Sendable {
    package enum Content: Hashable, Sendable {
        /// A leader's first entry: with it everything before becomes committed.
        case noOperation
        /// What the state machine applies.
        case command([UInt8])
        /// The group from this entry on, as soon as it is in a log.
        case membership(Membership)
    }

    package let index: LogIndex
    package let term: Term
    package let content: Content

    package init(index: LogIndex, term: Term, content: Content) {
        self.index = index
        self.term = term
        self.content = content
    }

    package var position: LogPosition { LogPosition(index: self.index, term: self.term) }

    /// Bytes that count against the limits of a message.
    var cost: Int {
        switch self.content {
        case .noOperation: 32
        case .command(let bytes): 32 + bytes.count
        case .membership(let membership): 32 + membership.nodes.count * 32
        }
    }
}
