import Glibc
import Synchronization

/// Whether the user has asked to stop, with Ctrl-C or `kill`.
///
/// The first request lets the command finish what it must; a second one ends the program at once.
enum Interrupt {
    private static let wasRequested = Atomic<Bool>(false)

    /// From now on the first interrupt only sets the flag.
    static func watch() {
        _ = Self.isRequested  // the flag must exist before a signal handler touches it
        for number in [SIGINT, SIGTERM] {
            signal(number) { number in
                Interrupt.wasRequested.store(true, ordering: .relaxed)
                signal(number, SIG_DFL)
            }
        }
    }

    static var isRequested: Bool { Self.wasRequested.load(ordering: .relaxed) }
}
