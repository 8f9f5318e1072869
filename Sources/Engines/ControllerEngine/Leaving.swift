package import MessageFormat
import Raft

// A process that is about to stop.
extension ControllerEngine {
    /// Lets another controller lead, so that the group is never without a leader. To be repeated
    /// until it returns false: then this controller does not lead, or nobody can take over.
    package mutating func handOver(at now: Now) -> Bool {
        self.now = now
        guard self.raft.isLeader else { return false }
        switch self.raft.transferLeadership(to: nil, at: now.tick) {
        case .success, .failure(.transferring(to: _)): return true
        case .failure: return false
        }
    }
}
