/// Majority arithmetic over a fixed set of voters.
package struct Quorum: Sendable {
    private let voters: [NodeID]

    init(voters: [NodeID]) { self.voters = voters }

    /// How many voters make a majority.
    package var size: Int { self.voters.count / 2 + 1 }

    func isReached(_ agrees: (NodeID) -> Bool) -> Bool {
        self.voters.count(where: agrees) >= self.size
    }

    /// The highest value that a majority of voters has reached.
    ///
    /// A voter nobody has heard from has reached zero: silence never helps a commit.
    func reached<Value: Comparable>(_ value: (NodeID) -> Value) -> Value {
        self.voters.map(value).sorted(by: >)[self.size - 1]
    }
}
