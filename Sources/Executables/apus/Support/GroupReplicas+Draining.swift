import RemotingProtocol

extension ReplicaState {
    /// It lives, and it wants no mastership.
    var isDrained: Bool { self.isAlive && self.report?.isDrained == true }
}

extension GroupReplicas {
    /// Whether somebody who lives and is not drained is left without this broker. If all are
    /// drained, each master gives its mastership away to the next, without end.
    func isServed(without id: Int64) -> Bool {
        self.all.contains { $0.brokerID != id && $0.isAlive && !$0.isDrained }
    }

    /// Whether this broker has no mastership, and the controllers know that it wants none.
    func isDrained(_ id: Int64) -> Bool {
        let said = self.all.first { $0.brokerID == id }?.report?.isDrained
        return self.masterBrokerID != id && said != false
    }
}
