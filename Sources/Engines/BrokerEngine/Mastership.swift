package import MessageFormat
package import RemotingProtocol
package import ReplicationProtocol

extension BrokerEngine {
    /// The controllers say how the group stands: any controller, any time, in any order.
    package mutating func groupView(_ view: GroupView, at now: Now) {}
    /// A replication link is open: one that was asked for, or one that a replica opened.
    package mutating func linkOpened(_ link: LinkID, isOutgoing: Bool, at now: Now) {}
    package mutating func linkReceived(_ link: LinkID, _ message: ReplicationMessage, at now: Now) {
    }
    package mutating func linkClosed(_ link: LinkID, at now: Now) {}
    package mutating func logRead(
        _ link: LinkID, _ result: Result<LogRead, ReadFailure>, at now: Now
    ) {}
    package mutating func syncStateSetAnswered(
        _ proposal: SyncStateSetProposal, _ outcome: ProposalOutcome, at now: Now
    ) {}
    package var role: BrokerRole { .alone }
    package var groupReport: GroupReport {
        GroupReport(
            role: .alone, masterEpoch: Epoch(0), logEpoch: Epoch(0), logEnd: .zero,
            confirmed: .zero)
    }
}
