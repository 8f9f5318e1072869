package import MessageFormat

/// What master and replica of a broker group say to each other, on a connection that the replica
/// opened.
///
/// `hello` → `welcome` → `follow` → any number of `batches`, `confirmed` and `rollCall` one way and
/// `ack` and `present` the other way; `lend` is answered by `lent`. Either side may say `goodbye`, with its reason, and closes then.
package enum ReplicationMessage: Hashable, Sendable {
    /// Replica: who it is and what it has.
    case hello(ReplicaHello)
    /// Master: who it is and what there is to be had.
    case welcome(MasterWelcome)
    /// Replica: send everything from here on.
    case follow(from: PhysicalOffset)
    /// Master: whole batches, padding included, that continue the replica's log at `position` or
    /// begin the next segment there.
    case batches(LogStretch)
    /// Master: the confirm offset has moved, or nothing has happened for a while.
    case confirmed(epoch: Epoch, confirmed: PhysicalOffset)
    /// Replica: what it has written and what is durable.
    case ack(epoch: Epoch, written: PhysicalOffset, durable: PhysicalOffset)
    /// Master: who still follows? Calls are numbered.
    case rollCall(epoch: Epoch, number: UInt64)
    /// Replica: it heard that call, and follows.
    case present(epoch: Epoch, number: UInt64)
    /// Replica: it has lost these bytes, which are confirmed; send what you have of them, from the
    /// first on.
    case lend(epoch: Epoch, Range<PhysicalOffset>)
    /// Master: the answer.
    case lent(LentStretch)
    /// Why this connection ends. `epoch` is the highest that the sender knows.
    case goodbye(epoch: Epoch, GoodbyeReason, remark: String)
}

package struct ReplicaHello: Hashable, Sendable {
    package var clusterName: String
    package var brokerName: String
    package var brokerID: Int64
    /// Drawn at each start of the replica's process.
    package var incarnation: UInt64
    /// The highest master epoch that the controllers told it.
    package var epoch: Epoch
    /// 0 while its log is empty: it takes the master's.
    package var logID: UInt64
    package var logStart: PhysicalOffset
    package var logEnd: PhysicalOffset

    package init(
        clusterName: String, brokerName: String, brokerID: Int64, incarnation: UInt64,
        epoch: Epoch, logID: UInt64, logStart: PhysicalOffset, logEnd: PhysicalOffset
    ) {
        self.clusterName = clusterName
        self.brokerName = brokerName
        self.brokerID = brokerID
        self.incarnation = incarnation
        self.epoch = epoch
        self.logID = logID
        self.logStart = logStart
        self.logEnd = logEnd
    }
}

package struct MasterWelcome: Hashable, Sendable {
    package var epoch: Epoch
    package var logID: UInt64
    package var segmentBytes: Int
    /// Start of the oldest segment that the master still has.
    package var logStart: PhysicalOffset
    package var logEnd: PhysicalOffset
    package var confirmed: PhysicalOffset
    /// Oldest first; the last epoch goes on to `logEnd`.
    package var history: [EpochStart]

    package init(
        epoch: Epoch, logID: UInt64, segmentBytes: Int, logStart: PhysicalOffset,
        logEnd: PhysicalOffset, confirmed: PhysicalOffset, history: [EpochStart]
    ) {
        self.epoch = epoch
        self.logID = logID
        self.segmentBytes = segmentBytes
        self.logStart = logStart
        self.logEnd = logEnd
        self.confirmed = confirmed
        self.history = history
    }
}

/// A piece of the log: whole batches, one behind the other.
package struct LogStretch: Hashable, Sendable {
    package var epoch: Epoch
    package var confirmed: PhysicalOffset
    package var position: PhysicalOffset
    package var bytes: [UInt8]

    package init(
        epoch: Epoch, confirmed: PhysicalOffset, position: PhysicalOffset, bytes: [UInt8]
    ) {
        self.epoch = epoch
        self.confirmed = confirmed
        self.position = position
        self.bytes = bytes
    }

    package var end: PhysicalOffset { self.position.advanced(by: self.bytes.count) }
}

/// What a master has of bytes that a replica has lost.
package struct LentStretch: Hashable, Sendable {
    package var epoch: Epoch
    package var position: PhysicalOffset
    /// Behind the batches; the segment's end when nothing more lies in it; `position` when the
    /// master does not have them, or cannot read them.
    package var next: PhysicalOffset
    /// Whole batches, one behind the other.
    package var bytes: [UInt8]

    package init(epoch: Epoch, position: PhysicalOffset, next: PhysicalOffset, bytes: [UInt8]) {
        self.epoch = epoch
        self.position = position
        self.next = next
        self.bytes = bytes
    }
}

/// Why one side ends a replication connection.
package enum GoodbyeReason: UInt8, Hashable, Sendable, CaseIterable {
    /// The other side's epoch is older than mine.
    case staleEpoch = 1
    case notMaster = 2
    case wrongGroup = 3
    case wrongLog = 4
    case unknownReplica = 5
    /// What was said makes no sense here.
    case protocolViolation = 6
    case stopping = 7
    /// The replica has to change its log first and comes again.
    case comingAgain = 8
}
