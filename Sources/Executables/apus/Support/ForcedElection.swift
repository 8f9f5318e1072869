import MessageFormat
import RemotingProtocol

extension GroupReplicas {
    /// What a forced election may lose, before it is asked for; nil: nothing.
    func warningOfForce(to wanted: Int64?) -> String? {
        if let forgotten = self.recollecting { return self.warning(of: forgotten) }
        guard self.masterEpoch.value > 0 else { return self.warningOfNewGroup }
        let living = self.inSync.filter(\.isAlive)
        let winners = living.filter { wanted == nil || $0.brokerID == wanted }
        guard winners.isEmpty else { return nil }
        if let wanted, !living.isEmpty {
            return "broker \(wanted) does not hold everything that was acknowledged"
                + self.loss(of: wanted) + "; broker \(Self.list(living)) does, and lives: with "
                + "--to and without --force nothing is lost"
        }
        return "everybody that held all acknowledged messages is dead (broker "
            + "\(Self.list(self.inSync))); what they alone held is lost" + self.loss(of: wanted)
    }

    private var warningOfNewGroup: String? {
        let dead = self.all.filter { !$0.isAlive }
        guard !dead.isEmpty else { return nil }
        return "the controllers know of no master of this group before; if it had one, what broker "
            + "\(Self.list(dead)) alone held is lost"
    }

    private func warning(of forgotten: ForgottenGroup) -> String? {
        guard !forgotten.members.isEmpty else {
            return "the controllers know nothing of this group; what brokers that are not heard "
                + "now alone held is lost"
        }
        let absent = forgotten.waitingFor + forgotten.lost
        guard !absent.isEmpty else { return nil }
        let ids = absent.sorted().map(String.init).joined(separator: ", ")
        return "the controllers have lost what they knew of this group; what broker \(ids) alone "
            + "held is lost"
    }

    /// How much at least, by what was heard last.
    private func loss(of wanted: Int64?) -> String {
        let acknowledged = self.all.compactMap(\.report?.confirmOffset).max()
        let heirs = self.all.filter { broker in
            broker.isAlive && (wanted.map { $0 == broker.brokerID } ?? true)
        }
        guard let acknowledged, let best = heirs.compactMap(\.report?.maxOffset).max() else {
            return ""
        }
        let bytes = acknowledged.bytes - best.bytes
        return bytes > 0 ? " (\(bytes) bytes of the log at least)" : ""
    }

    private static func list(_ brokers: [ReplicaState]) -> String {
        brokers.map { String($0.brokerID) }.joined(separator: ", ")
    }
}
