/// Whether a master may still speak for its group ("offsets never rewind").
///
/// Another master may have been elected, and have acknowledged what this one has never heard of.
/// Time proves nothing: controllers elect at once when a connection closes, and what was said long
/// ago may arrive late. So a question whose answer a later master may have changed waits for a call
/// that is made after it came: either everybody who may have been elected, which is whoever may be
/// in the committed SyncStateSet, says that it follows still, or the controllers say so. Whoever
/// obeys a newer epoch answers no call, so nothing was acknowledged in one when the question came.
/// One of the two suffices: replicas vouch while all controllers are down, controllers for the last
/// one of a group.
package struct RollCall: Sendable {
    /// The call made last.
    package private(set) var number: UInt64 = 0
    private var isDue = false
    private var present: [Int64: UInt64] = [:]
    private var granted: UInt64 = 0

    package init() {}

    /// A question came. Returns the call that must be answered before it is: one yet to be made.
    package mutating func ask() -> UInt64 {
        self.isDue = true
        return self.number + 1
    }

    /// The call to be made now. Questions of one turn share one.
    package mutating func next() -> UInt64? {
        guard self.isDue else { return nil }
        self.isDue = false
        self.number += 1
        return self.number
    }

    /// A replica heard a call. Returns false when there was none such.
    package mutating func heard(_ replica: Int64, _ number: UInt64) -> Bool {
        guard number <= self.number else { return false }
        self.present[replica] = max(self.present[replica] ?? 0, number)
        return true
    }

    /// The controllers, asked after this call was due, know of no newer epoch.
    package mutating func granted(_ number: UInt64) {
        self.granted = max(self.granted, min(number, self.number))
    }

    /// Questions up to this call may be answered, if these replicas may have been elected.
    package func vouched(by replicas: [Int64]) -> UInt64 {
        let lowest = replicas.map { self.present[$0] ?? 0 }.min() ?? .max
        return max(lowest, self.granted)
    }
}
