package import NIOCore

/// Lets one report of its kind pass in ten seconds, with the count of what happened since the last.
///
/// Whoever can make a server write a line must not be able to make it write a million.
package struct SparseReport {
    private static let pause = TimeAmount.seconds(10)

    private var next = NIODeadline.uptimeNanoseconds(0)
    private var count = 0

    package init() {}

    /// How many there were, when it is time to say so.
    package mutating func note(_ count: Int, at now: NIODeadline) -> Int? {
        self.count += count
        guard now >= self.next else { return nil }
        defer { self.count = 0 }
        self.next = now + Self.pause
        return self.count
    }
}
