import Logging

// When all connections together make the server keep too much, some of them are closed: those who
// cause it, and nobody else.
extension ConnectionRegistry {
    /// Closes the peers that leave most of their answers unread.
    func relieveOfUnread() {
        self.relieve(
            of: self.unread, "answers that nobody reads",
            bytes: { $0.unreadBytes }, first: { $0.unreadBytes > $1.unreadBytes },
            reason: { .tooMuchUnread(bytes: $0) })
    }

    /// Closes the peers that have taken longest over a frame: an honest one sends it in one go.
    func relieveOfUnfinished() {
        self.relieve(
            of: self.unfinished, "frames that are not complete",
            bytes: { $0.unfinished.bytes }, first: { $0.unfinished.since < $1.unfinished.since },
            reason: { .tooMuchUnfinished(bytes: $0) })
    }

    private func relieve(
        of kind: SharedBytes, _ what: String, bytes: (RemotingConnection) -> Int,
        first isBefore: (RemotingConnection, RemotingConnection) -> Bool,
        reason: (Int) -> CloseReason
    ) {
        let open = self.all.filter { $0.closeReason == nil && bytes($0) > 0 }
        var left = open.reduce(0) { $0 + bytes($1) }
        guard left > kind.bytesMax else { return }  // those who are too much are leaving already
        var closed = 0
        for connection in open.sorted(by: isBefore) where left > kind.bytesAfterRelief {
            let count = bytes(connection)
            connection.close(because: reason(count))
            left -= count
            closed += 1
        }
        self.report(
            "too much memory for \(what): connections closed", count: closed,
            ["limit": "\(kind.bytesMax)"])
    }
}
