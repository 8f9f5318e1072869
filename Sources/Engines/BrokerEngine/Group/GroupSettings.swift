package import MessageFormat

/// What a broker needs to know to be one of a group that controllers steer.
package struct GroupSettings: Sendable {
    /// Given by the controllers, from 1 on; clients see 0 while it is master.
    package var brokerID: Int64
    /// Drawn at each start: a restarted master may have lost bytes that its replicas have, so it
    /// must not go on in its old epoch.
    package var incarnation: UInt64
    /// Nothing is acknowledged with fewer members in the SyncStateSet, and the set never shrinks
    /// below it.
    package var minInSyncReplicas = 2
    /// What is known to be confirmed of the log on disk, at least: nothing before it is ever cut
    /// off.
    package var confirmedAtLeast = PhysicalOffset.zero
    /// The highest epoch that this broker is known to have obeyed.
    package var epochAtLeast = Epoch(0)

    /// A member whose connection closed leaves the SyncStateSet after this.
    package var closedGrace: Duration = .milliseconds(50)
    /// A member that does not keep up, or is silent, leaves it after this.
    package var lagGrace: Duration = .seconds(1)
    /// A member that has not come to a new master leaves it after this: an old master that is cut
    /// off, for one. Others come within some 100 ms, a change of their log included.
    package var arrivalGrace: Duration = .milliseconds(500)
    /// Without news a master says this often that it is there, and a replica how far it is.
    package var keepAlive: Duration = .milliseconds(200)
    /// A replica that hears nothing from its master for this long connects again.
    package var silenceMax: Duration = .seconds(2)
    /// A replica that was heard within this is not replaced by another one of its id. Long enough
    /// for three acks, shorter than the patience of a replica that connects again.
    package var deadLinkTime: Duration = .milliseconds(600)
    /// The controllers believe a replica's log after two of its heartbeats and one of the master's.
    package var proofTime: Duration = .milliseconds(600)
    /// A proposed change of the SyncStateSet is repeated after this without an answer.
    package var proposalTimeout: Duration = .seconds(1)
    /// A send that waited this long for the replicas is answered `FLUSH_SLAVE_TIMEOUT`
    /// (RocketMQ's `slaveTimeout`).
    package var replicaTimeout: Duration = .seconds(3)
    /// A master that has too few replicas for so long tells the sends that wait, and asks for another
    /// master: a cut may be around it alone.
    package var strandedGrace: Duration = .milliseconds(300)
    package var strandedRetry: Duration = .seconds(2)
    /// Bytes that may be on their way to one replica.
    package var feedBytesMax = 32 << 20
    /// Bytes of one read for a replica that catches up.
    package var catchUpBytes = 1 << 20

    package init(brokerID: Int64, incarnation: UInt64) {
        self.brokerID = brokerID
        self.incarnation = incarnation
    }
}

/// What a broker is at the moment.
package enum BrokerRole: Hashable, Sendable {
    /// No controllers: it is the only one of its group, and its master.
    case alone
    /// It may not serve: no master is known to it, or its log is being changed.
    case fenced
    case replica(of: Epoch)
    case master(Epoch)
}

/// What a heartbeat tells the controllers.
package struct GroupReport: Hashable, Sendable {
    package var role: BrokerRole
    /// The highest epoch that this broker obeys.
    package var masterEpoch: Epoch
    /// The epoch of the last batch in its log.
    package var logEpoch: Epoch
    /// End of what it keeps: durable, or written with `ASYNC_FLUSH`.
    package var logEnd: PhysicalOffset
    package var confirmed: PhysicalOffset
}

/// How the log on disk has to change before this broker can follow its master.
///
/// The engine that asks for it is at its end: the shell stops writing, changes the log, and
/// recovers a new engine, with a new incarnation, from what is on disk then.
package enum LogChange: Hashable, Sendable {
    /// Nothing, but the engine's state may hold more than the log: begin anew from the disk.
    case restart
    /// Cut off what the master does not have.
    case truncate(to: PhysicalOffset)
    /// Throw everything away and begin with an empty segment at `start`.
    case startOver(logID: UInt64, segmentBytes: Int, start: PhysicalOffset)
}

/// A change of the SyncStateSet that the master asks the controllers for.
package struct SyncStateSetProposal: Hashable, Sendable {
    package var masterEpoch: Epoch
    /// The set's epoch that it was computed from.
    package var basedOn: Int32
    /// Broker ids, ascending.
    package var members: [Int64]
}

/// What became of a proposal.
package enum ProposalOutcome: Hashable, Sendable {
    /// The controllers' state machine took it; the view comes along.
    case accepted
    /// The controllers' state machine refused it: it never takes effect.
    case refused(reason: String)
    /// No answer, or one that leaves open whether it takes effect.
    case unknown
}

/// Bytes of the log for a replica that catches up.
package struct LogRead: Hashable, Sendable {
    /// Whole batches, padding included; empty when the segment holds nothing more.
    package var bytes: [UInt8]
    /// Where they lie.
    package var position: PhysicalOffset
    /// Where the next batch lies: behind them, or at the next segment's start.
    package var next: PhysicalOffset

    package init(bytes: [UInt8], position: PhysicalOffset, next: PhysicalOffset) {
        self.bytes = bytes
        self.position = position
        self.next = next
    }
}
