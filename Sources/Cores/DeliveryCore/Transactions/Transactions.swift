package import MessageFormat

/// The transactions of one broker: what the log says of them, and on a master the checks.
///
/// A half message stays invisible until its producer commits or rolls back. The engine appends the
/// outcome's record in one batch with the message that the outcome puts into the log (the real one,
/// or the copy of one that is given up): so each transaction has one outcome, carried out once,
/// whatever fails in between.
package struct Transactions: Sendable {
    package let settings: TransactionSettings
    package private(set) var table = TransactionTable()
    private var checker: TransactionChecker?
    /// Asked about since their checks were last recorded.
    private var unrecorded: Set<QueueOffset> = []

    package init(settings: TransactionSettings = TransactionSettings()) {
        self.settings = settings
    }

    package var isMaster: Bool { self.checker != nil }

    /// No segment from here on may be deleted: it holds what may still be delivered.
    package var oldestOpenPosition: PhysicalOffset? { self.table.oldest?.half.position }

    /// This broker is the master from now on.
    package mutating func becameMaster(at now: Now) {
        self.checker = TransactionChecker(self.table, self.settings, at: now)
    }

    package mutating func ceasedToBeMaster() {
        self.checker = nil
        self.unrecorded = []
    }
}

// Half messages.
extension Transactions {
    /// Whether a half message may be appended; nothing changes yet.
    package func admit(producerGroup group: String) throws(OpenRefusal) {
        try self.table.admit(group, self.settings)
    }

    /// A half message is in the log: appended now by a master, or replayed, or taken from a master.
    package mutating func opened(_ half: HalfMessage, at now: Tick) {
        self.table.opened(half)
        self.checker?.watch(half, self.settings, at: now)
    }
}

// Ends.
extension Transactions {
    /// What follows from an END_TRANSACTION. `carryOut` takes note: nothing is carried out twice.
    package mutating func end(
        _ end: TransactionEnd, confirmed: PhysicalOffset, at now: Timestamp
    ) -> EndDecision {
        guard self.isMaster else { return .refused(.notMaster) }
        let decision = self.table.decide(end, confirmed: confirmed, at: now, self.settings)
        guard case .carryOut(let outcome, _) = decision else { return decision }
        if let planned = self.checker?.ending(end.halfOffset) {
            return outcome.isSatisfied(by: planned)
                ? .inProgress : .refused(.endedOtherwise(planned))
        }
        self.checker?.begin(outcome, of: end.halfOffset)
        return decision
    }

    /// The answer to `lookUp`: what lies at the position; nil if no half message does.
    package func endForgotten(_ end: TransactionEnd, found half: HalfMessage?) -> EndDecision {
        TransactionTable.decideForgotten(end, found: half)
    }

    /// The record to append in one batch with what the outcome puts into the log. Make room for
    /// both before: a snapshot between them would already know the end.
    package mutating func ended(
        _ offset: QueueOffset, _ outcome: TransactionOutcome
    ) -> StateRecord {
        self.table.ended(offset, outcome)
        self.checker?.forget(offset)
        self.unrecorded.remove(offset)
        return TransactionRecords.ended(offset, outcome)
    }

    /// Neither record nor message could be appended: the transaction stays open.
    package mutating func endFailed(_ offset: QueueOffset) { self.checker?.endFailed(offset) }
}

// Checks.
extension Transactions {
    /// Time has passed. What is due, earliest first, no more than `effectsMax`.
    package mutating func advance(
        to now: Now, confirmed: PhysicalOffset
    ) -> [TransactionChecker.Effect] {
        self.checker?.advance(to: now, self.table, confirmed: confirmed, self.settings) ?? []
    }

    /// Nobody of the group was there to be asked. Nothing counts: the next that comes is asked, or
    /// whoever is there after the next interval.
    package mutating func foundNobody(of group: String, for offset: QueueOffset) {
        self.checker?.foundNobody(of: group, for: offset)
    }

    /// A group that had no producer has one.
    package mutating func producerCame(to group: String, at now: Tick) {
        self.checker?.producerCame(to: group, at: now)
    }

    /// A producer was asked.
    package mutating func asked(_ offset: QueueOffset, at now: Timestamp) {
        guard self.isMaster, let checks = self.table[offset]?.checks else { return }
        self.table.checked(offset, times: checks + 1, at: now)
        self.unrecorded.insert(offset)
    }

    /// The log has to let go of everything before `position`: what is open there is given up, the
    /// earliest first. Call `ended` or `endFailed` for each.
    package mutating func giveUp(
        before position: PhysicalOffset, countMax: Int
    ) -> [HalfMessage] {
        guard let oldest = self.oldestOpenPosition, oldest < position else { return [] }
        return self.checker?.giveUp(self.table, before: position, countMax: countMax) ?? []
    }

    /// What the log must hold of the checks since the last call.
    package mutating func takeCheckRecords() -> [StateRecord] {
        defer { self.unrecorded.removeAll(keepingCapacity: true) }
        return TransactionRecords.checked(self.unrecorded.sorted().compactMap { self.table[$0] })
    }
}

// Records.
extension Transactions {
    /// The whole state; every record is short, all together `settings.snapshotBytesMax` at most.
    package func snapshotRecords() -> [StateRecord] { self.table.snapshotRecords() }

    /// Applies a record of the log. False: the kind is somebody else's.
    package mutating func apply(
        kind: UInt16, payload: UnsafeRawBufferPointer
    ) throws(StateRecordError) -> Bool {
        try self.table.apply(kind: kind, payload: payload)
    }

    package func checkInvariants() {
        self.table.checkInvariants()
        self.checker?.checkInvariants(self.table)
        precondition(self.unrecorded.allSatisfy { self.table[$0] != nil })
    }
}
