package import MessageFormat

/// How far the clocks of clients are behind, as the requests tell that came the quickest: so that
/// one which is slow makes no request look late. By connection; memory only.
package struct ClientClocks: Sendable {
    private let countMax: Int
    /// Milliseconds between a request's birth, by its client's clock, and its arrival.
    private var behind: [ConnectionKey: Int64] = [:]

    package init(countMax: Int = 100_000) { self.countMax = countMax }

    package var count: Int { self.behind.count }

    /// Until when a pop or a notification may wait. It is looked at once in any case.
    package mutating func patience(
        bornTime: Int64, pollTime: Int64, of connection: ConnectionKey, at now: Now
    ) -> PopPatience {
        let born = PopPatience.plausible(bornTime)
        let age = PopPatience.plausible(now.wall.milliseconds) - born
        let behind = max(0, min(self.behind[connection] ?? age, age))
        // So late that nobody waits any more; or a clock was set: the next request tells.
        let isLate = age - behind > PopPatience.plausible(pollTime) + PopPatience.lateMax
        self.note(isLate ? age : behind, of: connection)
        return PopPatience.of(bornTime: born + behind, pollTime: pollTime, at: now)
    }

    package mutating func closed(_ connection: ConnectionKey) { self.behind[connection] = nil }

    private mutating func note(_ behind: Int64, of connection: ConnectionKey) {
        guard self.behind[connection] != nil || self.behind.count < self.countMax else { return }
        self.behind[connection] = behind
    }
}
