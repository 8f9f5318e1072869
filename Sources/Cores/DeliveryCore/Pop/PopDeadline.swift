/// When to look at a window, or at the batch in order, of a queue again.
///
/// Acknowledgements leave deadlines behind that mean nothing any more: they are passed over when
/// they come up, and thrown out together when they outnumber the others.
struct PopDeadline: Comparable, Sendable {
    /// Stands for the queue's batch in order.
    static let orderWindow = Int64(-1)

    var at: Int64
    var queue: Int
    var window: Int64

    static func < (left: Self, right: Self) -> Bool {
        (left.at, left.queue, left.window) < (right.at, right.queue, right.window)
    }
}
