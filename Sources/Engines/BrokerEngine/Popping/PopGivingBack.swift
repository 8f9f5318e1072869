import DeliveryCore
import MessageFormat

// Who popped is gone: what it holds comes back at once, if it asked for that.
extension BrokerEngine {
    mutating func popperClosed(_ connection: ConnectionKey) {
        self.clocks.closed(connection)
        self.polls.closed(connection)
        self.delivery.pops.closed(connection)
        self.giveBackPops(of: connection)
    }

    /// A client that hangs takes nothing more, and keeps nothing, though its connection is open.
    mutating func giveUpSilentPoppers() {
        for member in self.consumers.takeSilent() {
            for poll in self.polls.remove(of: member.connection, group: member.group) {
                self.answerNothing(poll.held)
            }
            self.giveBackPops(of: member.connection, group: member.group)
        }
    }

    /// A broker that takes nothing more may be stopping: then it closes connections itself, and the
    /// clients behind them live.
    private mutating func giveBackPops(of connection: ConnectionKey, group: String? = nil) {
        guard self.mayServe, self.refusal == nil else {
            return self.delivery.pops.disown(connection)
        }
        self.delivery.pops.giveBack(of: connection, group: group, at: self.now)
    }
}
