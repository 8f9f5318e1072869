import Synchronization

/// Bytes of one kind that a server's connections make it keep, all together.
///
/// A limit for each connection is not enough: twenty thousand peers of whom each stays below it are
/// more than any machine has.
final class SharedBytes: Sendable {
    let bytesMax: Int
    private let kept = Atomic<Int>(0)

    init(bytesMax: Int) { self.bytesMax = bytesMax }

    var bytes: Int { self.kept.load(ordering: .relaxed) }

    /// Somebody has to go.
    var isExceeded: Bool { self.bytes > self.bytesMax }

    /// What may stay when somebody had to go: the next byte shall not be too much again.
    var bytesAfterRelief: Int { self.bytesMax / 4 * 3 }

    func change(by count: Int) {
        if count != 0 { self.kept.wrappingAdd(count, ordering: .relaxed) }
    }
}
