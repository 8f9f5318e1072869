internal import MessageFormat

/// Numbers with deadlines, of which nearly all are taken back long before.
///
/// Deadlines are rounded up to the start of a bucket, so taking a number in or back touches one
/// set, and the next deadline is that of the first bucket.
struct DeadlineBuckets: Sendable {
    /// How much later than asked a deadline may fire, in nanoseconds: 20 ms.
    static let width = Int64(20_000_000)

    private var members: [Int64: Set<UInt64>] = [:]
    /// Every bucket that has members.
    private var order = SortedNumbers<Int64>()

    mutating func insert(_ number: UInt64, at deadline: Tick) {
        let bucket = Self.bucket(of: deadline)
        if self.members[bucket] == nil { self.order.insert(bucket) }
        self.members[bucket, default: []].insert(number)
    }

    mutating func remove(_ number: UInt64, at deadline: Tick) {
        let bucket = Self.bucket(of: deadline)
        guard self.members[bucket]?.remove(number) != nil else { return }
        guard self.members[bucket]?.isEmpty == true else { return }
        self.members[bucket] = nil
        self.order.remove(bucket)
    }

    /// Takes out everything that is due, in ascending order.
    mutating func takeDue(at now: Tick) -> [UInt64] {
        guard let first = self.next, first <= now else { return [] }
        let due = self.order.removeAll(upTo: now.nanoseconds / Self.width)
        return due.flatMap { self.members.removeValue(forKey: $0) ?? [] }.sorted()
    }

    /// When `takeDue` next has something to give.
    var next: Tick? {
        guard let first = self.order.first else { return nil }
        let (start, overflow) = first.multipliedReportingOverflow(by: Self.width)
        return Tick(nanoseconds: overflow ? .max : start)
    }

    /// The first bucket that starts not before the deadline.
    private static func bucket(of deadline: Tick) -> Int64 {
        let (quotient, rest) = deadline.nanoseconds.quotientAndRemainder(dividingBy: Self.width)
        return rest > 0 ? quotient + 1 : quotient
    }

    func checkInvariants() {
        self.order.checkInvariants()
        precondition(self.members.values.allSatisfy { !$0.isEmpty })
        precondition(Set(self.order.numbers) == Set(self.members.keys))
    }
}
