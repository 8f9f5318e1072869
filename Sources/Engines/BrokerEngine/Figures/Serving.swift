import MessageFormat

// Whether this broker can do its work, in words.
extension BrokerEngine {
    /// Nil: it can. A master takes messages, a replica follows.
    package var obstacle: String? {
        switch self.role {
        case .alone, .master:
            if self.isHandingOver { return "another broker is to be master" }
            do { try self.admit() } catch { return (error as? Refusal)?.remark ?? "\(error)" }
            return nil
        case .replica:
            guard let follower = self.follower, follower.stage != .following else { return nil }
            return "it does not follow its master at \(follower.masterAddress) yet"
        case .fenced: return "the controllers have given it no role, or it starts anew"
        }
    }
}
