import MessageFormat
import Synchronization

/// How far the log is written and how far it is durable, and the only place that flushes it.
///
/// One flush at a time: a failed flush shows its error once, to one caller, so no other flush of
/// the same file may be believed afterwards ("an fsync error is fatal").
/// Invariant: `durable <= written`; nothing moves after a failure.
final class Durability: Sendable {
    private struct State: Sendable {
        var file: OpenFile
        var written: PhysicalOffset
        var durable: PhysicalOffset
        var failure: StorageError?
        var flushes = 0
    }

    private let state: Mutex<State>
    private let turn = Mutex(())

    init(file: OpenFile, end: PhysicalOffset) {
        self.state = Mutex(State(file: file, written: end, durable: end))
    }

    var written: PhysicalOffset { self.state.withLock { $0.written } }
    var durable: PhysicalOffset { self.state.withLock { $0.durable } }
    var failure: StorageError? { self.state.withLock { $0.failure } }
    var flushes: Int { self.state.withLock { $0.flushes } }

    /// Bytes that a power cut would take.
    var bytesAtRisk: Int {
        self.state.withLock { $0.written.distance(from: $0.durable) }
    }

    /// Bytes up to `end` are in the file. Returns how many are at risk now.
    func wrote(upTo end: PhysicalOffset) -> Int {
        self.state.withLock { state in
            state.written = end
            return end.distance(from: state.durable)
        }
    }

    /// The log goes on in another file. The caller has flushed the old one.
    func moved(to file: OpenFile, at base: PhysicalOffset) {
        self.state.withLock { state in
            precondition(state.durable == state.written, "a segment is flushed before it is left")
            state.file = file
            state.written = base
            state.durable = base
        }
    }

    /// The log is not to be touched any more. The first reason stays.
    func fail(_ error: StorageError) {
        self.state.withLock { $0.failure = $0.failure ?? error }
    }

    /// Makes everything durable that is written now.
    func flush() throws(StorageError) {
        try self.turn.withLock { (_) throws(StorageError) in
            guard let (file, end) = try self.pending() else { return }
            do throws(StorageError) {
                try file.flush()
            } catch {
                #if APUS_SABOTAGE
                    if Sabotage.ackAfterFailedFlush.isOn {
                        return self.state.withLock { $0.durable = max($0.durable, end) }
                    }
                #endif
                self.fail(error)
                throw error
            }
            self.state.withLock { state in
                state.durable = max(state.durable, end)
                state.flushes += 1
            }
        }
    }

    private func pending() throws(StorageError) -> (OpenFile, PhysicalOffset)? {
        try self.state.withLock { (state) throws(StorageError) in
            if let failure = state.failure { throw failure }
            return state.durable < state.written ? (state.file, state.written) : nil
        }
    }
}
