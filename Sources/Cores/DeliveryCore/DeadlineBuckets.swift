internal import Collections
internal import MessageFormat

/// Numbers with deadlines, of which nearly all are taken back long before.
///
/// Deadlines are rounded up to the end of a bucket, so a withdrawal touches one set and leaves
/// nothing behind, and the next deadline is that of the first bucket.
struct DeadlineBuckets: Sendable {
    /// How much later than asked a deadline may fire.
    static let width = Int64(20_000_000)

    private var members: [Int64: Set<UInt64>] = [:]
    /// Every bucket that has members, and perhaps some that lost them.
    private var order = Heap<Int64>()

    mutating func insert(_ number: UInt64, at deadline: Tick) {
        let bucket = Self.bucket(of: deadline)
        if self.members[bucket] == nil { self.open(bucket) }
        self.members[bucket, default: []].insert(number)
    }

    mutating func remove(_ number: UInt64, at deadline: Tick) {
        let bucket = Self.bucket(of: deadline)
        self.members[bucket]?.remove(number)
        if self.members[bucket]?.isEmpty == true { self.members[bucket] = nil }
    }

    /// Takes out everything that is due, in ascending order.
    mutating func takeDue(at now: Tick) -> [UInt64] {
        var due: [UInt64] = []
        while let first = self.order.min, first <= now.nanoseconds / Self.width {
            self.order.removeMin()
            if let numbers = self.members.removeValue(forKey: first) { due += numbers }
        }
        return due.sorted()
    }

    /// When `takeDue` next has something to give. Never later than that.
    var next: Tick? {
        guard !self.members.isEmpty, let first = self.order.min else { return nil }
        let (start, overflow) = first.multipliedReportingOverflow(by: Self.width)
        return Tick(nanoseconds: overflow ? .max : start)
    }

    /// A bucket may have lost its members and get new ones, so the heap may hold it twice; when
    /// such leftovers outnumber the buckets the heap is made anew.
    private mutating func open(_ bucket: Int64) {
        self.order.insert(bucket)
        if self.order.count > 1_024 + 2 * self.members.count {
            self.order = Heap(Array(self.members.keys) + [bucket])
        }
    }

    /// The first bucket whose start is not before the deadline.
    private static func bucket(of deadline: Tick) -> Int64 {
        let (quotient, rest) = deadline.nanoseconds.quotientAndRemainder(dividingBy: Self.width)
        return rest > 0 ? quotient + 1 : quotient
    }

    func checkInvariants() {
        precondition(self.members.values.allSatisfy { !$0.isEmpty })
        precondition(Set(self.order.unordered).isSuperset(of: self.members.keys))
    }
}
