import ControllerCore
import MessageFormat
import RemotingProtocol

// Brokers that want no mastership any more.
extension ControllerEngine {
    /// How long a broker that may be drained counts as drained before its heartbeats say so.
    private static let grantTime = Duration.seconds(2)

    /// Code 60001.
    mutating func drainBroker(
        _ command: ReceivedCommand, _ request: Request
    ) throws(RequestFailure) {
        let sent = try command.parsed { command throws(HeaderFieldError) in
            try DrainBroker(command)
        }
        let key = BrokerKey(group: sent.brokerName, brokerID: sent.brokerID)
        try self.ask(.drain(key), for: request)
    }

    /// When all are drained, each master gives its mastership away to the next, without end, and
    /// nobody takes messages. Two that ask at once are answered one after the other.
    mutating func grantDrain(of key: BrokerKey) throws(RequestFailure) -> Answer {
        guard let group = self.state.groups[key.group] else {
            throw .refused(.unknownGroup(key.group))
        }
        guard group.brokers[key.brokerID] != nil else {
            throw .refused(.unknownBroker(key.group, key.brokerID))
        }
        guard self.isServed(key.group, group, without: key.brokerID) else {
            if self.isNewToOffice {
                throw .busy("this controller leads since a moment: ask again in a second")
            }
            throw .refused(
                .nobodyElectable(
                    "all other brokers of \(key.group) are drained or dead, so that broker "
                        + "\(key.brokerID) is not drained"))
        }
        self.duty.drained[key] = self.now.tick
        return Answer()
    }

    private func isServed(_ name: String, _ group: GroupState, without id: Int64) -> Bool {
        self.liveness.lives(of: name).contains { other, life in
            other != id && life.isAlive && group.brokers[other] != nil
                && life.report.priority != .max
                && !self.isGranted(BrokerKey(group: name, brokerID: other))
        }
    }

    private func isGranted(_ key: BrokerKey) -> Bool {
        self.duty.drained[key].map { self.now.tick - $0 <= Self.grantTime } ?? false
    }
}
