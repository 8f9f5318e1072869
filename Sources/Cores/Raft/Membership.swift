/// Who belongs to the group.
///
/// Learners get the log and have no vote: a new member catches up as one, so that it never holds
/// up a commit that the others could make without it.
package struct Membership: Hashable, Sendable {
    package static let nodesMax = 32

    /// Sorted, never empty.
    package let voters: [NodeID]
    /// Sorted, no voter among them.
    package let learners: [NodeID]

    package init(voters: some Sequence<NodeID>, learners: some Sequence<NodeID> = []) {
        let voting = Set(voters)
        precondition(!voting.isEmpty, "a group without voters could decide nothing")
        self.voters = voting.sorted()
        self.learners = Set(learners).subtracting(voting).sorted()
    }

    /// Everybody, sorted.
    package var nodes: [NodeID] { (self.voters + self.learners).sorted() }

    package var quorum: Quorum { Quorum(voters: self.voters) }

    package func isVoter(_ node: NodeID) -> Bool { self.voters.contains(node) }
    package func contains(_ node: NodeID) -> Bool {
        self.voters.contains(node) || self.learners.contains(node)
    }
}

/// One step from one membership to the next. Two majorities around one step always share a node.
package enum MembershipChange: Hashable, Sendable {
    case addLearner(NodeID)
    /// A learner that has caught up gets a vote.
    case promote(NodeID)
    case remove(NodeID)
}

extension Membership {
    /// Why a change is none, nil when it can be made.
    func problem(with change: MembershipChange) -> String? {
        switch change {
        case .addLearner(let node):
            if self.contains(node) { return "\(node) is a member already" }
            if node.value.isEmpty || node.value.utf8.count > NodeID.bytesMax {
                return "a node's name has 1 to \(NodeID.bytesMax) bytes"
            }
            return self.nodes.count < Self.nodesMax
                ? nil : "a group has at most \(Self.nodesMax) members"
        case .promote(let node):
            return self.learners.contains(node) ? nil : "\(node) is no learner"
        case .remove(let node):
            if self.voters == [node] { return "\(node) is the last voter" }
            return self.contains(node) ? nil : "\(node) is no member"
        }
    }

    /// The membership after a change that has no problem.
    func applying(_ change: MembershipChange) -> Self {
        switch change {
        case .addLearner(let node):
            Self(voters: self.voters, learners: self.learners + [node])
        case .promote(let node):
            Self(voters: self.voters + [node], learners: self.learners)
        case .remove(let node):
            Self(
                voters: self.voters.filter { $0 != node },
                learners: self.learners.filter { $0 != node })
        }
    }
}
