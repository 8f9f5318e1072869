// What lies on disk in this module's own bytes: the content of an entry, and a membership.

extension RaftEntry.Content {
    private enum Kind: UInt8 { case noOperation = 0, command = 1, membership = 2 }

    /// The kind, then what it has. Index and term stand beside it.
    package var encoded: [UInt8] {
        switch self {
        case .noOperation: return [Kind.noOperation.rawValue]
        case .command(let bytes): return [Kind.command.rawValue] + bytes
        case .membership(let membership):
            return [Kind.membership.rawValue] + membership.encoded
        }
    }

    package init(decoding bytes: [UInt8]) throws(RaftCodingError) {
        guard let number = bytes.first else { throw RaftCodingError("an entry without a kind") }
        let rest = Array(bytes.dropFirst())
        switch Kind(rawValue: number) {
        case .noOperation:
            guard rest.isEmpty else { throw RaftCodingError("an empty entry with content") }
            self = .noOperation
        case .command: self = .command(rest)
        case .membership: self = .membership(try Membership(decoding: rest))
        case nil: throw RaftCodingError("unknown kind of entry \(number)")
        }
    }
}

extension Membership {
    package var encoded: [UInt8] {
        var bytes = RaftBytesWriter()
        bytes.write(self)
        return bytes.bytes
    }

    package init(decoding bytes: [UInt8]) throws(RaftCodingError) {
        var reader = RaftBytesReader(bytes)
        self = try reader.readMembership()
        try reader.end()
    }
}
