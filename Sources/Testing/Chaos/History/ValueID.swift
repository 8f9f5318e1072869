/// Names one attempt to send one message: what a history speaks of instead of bodies.
///
/// `client` starts with the run's name (`a1b2-p0`), so that messages of earlier runs in the same
/// topic are told apart. A message keeps its sequence over its attempts.
package struct ValueID: Hashable, Sendable {
    package var client: String
    package var sequence: Int64
    package var attempt: Int32

    package init(client: String, sequence: Int64, attempt: Int32) {
        self.client = client
        self.sequence = sequence
        self.attempt = attempt
    }

    /// Parses `client/sequence/attempt`.
    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 3, !parts[0].isEmpty, let sequence = Int64(parts[1]),
            let attempt = Int32(parts[2])
        else { return nil }
        self.init(client: String(parts[0]), sequence: sequence, attempt: attempt)
    }
}

extension ValueID: CustomStringConvertible {
    package var description: String { "\(self.client)/\(self.sequence)/\(self.attempt)" }
}
