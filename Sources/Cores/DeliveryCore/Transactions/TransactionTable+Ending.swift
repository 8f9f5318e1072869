internal import MessageFormat

// The rules of END_TRANSACTION, in their order.
extension TransactionTable {
    func decide(
        _ end: TransactionEnd, confirmed: PhysicalOffset, at now: Timestamp,
        _ settings: TransactionSettings
    ) -> EndDecision {
        guard let outcome = end.outcome else { return .ignore }
        guard let half = self[end.halfOffset]?.half else {
            return self.ends[end.halfOffset].map { Self.decide(end, outcome, endedAs: $0) }
                ?? .lookUp(end.position)
        }
        if let mismatch = Self.mismatch(end, half) { return .refused(mismatch) }
        guard half.position < confirmed else {
            return .wait(until: half.position.advanced(by: half.size))
        }
        let (age, immunity) = (now.since(half.stored), settings.immunity(of: half))
        if !end.isFromCheck, half.immunitySeconds != nil, age > immunity {
            return .refused(.late(age: age, immunity: immunity))
        }
        return .carryOut(outcome, half)
    }

    /// A half message that is not open has ended, however long ago; how, nobody knows any more.
    static func decideForgotten(
        _ end: TransactionEnd, found half: HalfMessage?
    ) -> EndDecision {
        guard let half else { return .refused(.noSuchHalf(end.position)) }
        return Self.mismatch(end, half).map { .refused($0) } ?? .alreadyEnded
    }

    private static func decide(
        _ end: TransactionEnd, _ wanted: TransactionOutcome, endedAs known: RecentEnds.End
    ) -> EndDecision {
        guard known.position == end.position else {
            return .refused(.wrongPlace(halfOffset: end.halfOffset, position: end.position))
        }
        return wanted.isSatisfied(by: known.outcome)
            ? .alreadyEnded : .refused(.endedOtherwise(known.outcome))
    }

    private static func mismatch(_ end: TransactionEnd, _ half: HalfMessage) -> EndRefusal? {
        guard half.producerGroup == end.producerGroup else {
            return .wrongGroup(named: end.producerGroup)
        }
        guard half.offset == end.halfOffset, half.position == end.position else {
            return .wrongPlace(halfOffset: end.halfOffset, position: end.position)
        }
        return nil
    }
}

extension TransactionOutcome {
    /// Who rolls back wants no delivery: a message that was given up got none.
    func isSatisfied(by outcome: TransactionOutcome) -> Bool {
        self == outcome || (self == .rolledBack && outcome == .givenUp)
    }
}
