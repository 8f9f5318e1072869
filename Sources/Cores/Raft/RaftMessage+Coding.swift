extension RaftMessage {
    package var encoded: [UInt8] { [] }
    package init(decoding bytes: [UInt8]) throws(RaftCodingError) {
        throw RaftCodingError(problem: "empty")
    }
}

/// Why bytes are no message, entry or snapshot.
package struct RaftCodingError: Error, Hashable, Sendable {
    package var problem: String
}
