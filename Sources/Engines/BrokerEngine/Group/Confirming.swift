import LogCore
import MessageFormat
import RemotingProtocol
import ReplicationCore

// What is confirmed, and whether it may be acknowledged: the SyncStateSet decides.
extension BrokerEngine {
    /// Everything that all of the SyncStateSet keep is confirmed.
    mutating func confirm() {
        let kept = self.progress.kept
        if self.group == nil { return self.confirm(upTo: kept) }
        if let confirmable = self.master?.replication.confirmable(own: kept) {
            self.confirm(upTo: confirmable)
        }
    }

    /// Whether what is confirmed may be acknowledged.
    var mayAcknowledge: Bool { self.master?.replication.mayAcknowledge ?? (self.group == nil) }

    /// Refuses at once what too few replicas would keep.
    func checkReplicas() throws {
        guard let master = self.master,
            !master.replication.mayTake(at: self.now.tick)
        else { return }
        let inStep = master.replication.inStep(at: self.now.tick)
        throw Refusal(
            .systemError,
            "in-sync replicas are not enough: \(inStep.count) of broker group "
                + "\(self.settings.brokerName) keep up, "
                + "\(self.group?.settings.minInSyncReplicas ?? 1) are needed "
                + "(IN_SYNC_REPLICAS_NOT_ENOUGH)")
    }
}
