import MessageFormat
import Synchronization

/// Flushes what nobody waits for: after a delay, or when too many bytes are at risk.
final class BackgroundFlusher: Sendable {
    private let durability: Durability
    private let delayMilliseconds: Int
    private let bytesMax: Int
    private let onCompletion: @Sendable (WriteCompletion) -> Void
    private let wakeup = Wakeup()
    private let isStopping = Atomic(false)
    /// The thread sleeps without a time limit, because nothing was at risk.
    private let isIdle = Atomic(false)

    init(
        durability: Durability, delayMilliseconds: Int, bytesMax: Int,
        onCompletion: @escaping @Sendable (WriteCompletion) -> Void
    ) {
        self.durability = durability
        self.delayMilliseconds = delayMilliseconds
        self.bytesMax = bytesMax
        self.onCompletion = onCompletion
    }

    /// The writer has left this many bytes unflushed.
    func wrote(atRisk bytes: Int) {
        guard bytes > 0 else { return }
        let wasIdle = self.isIdle.exchange(false, ordering: .sequentiallyConsistent)
        if wasIdle || bytes >= self.bytesMax { self.wakeup.signal() }
    }

    func stop() {
        self.isStopping.store(true, ordering: .sequentiallyConsistent)
        self.wakeup.signal()
    }

    /// Works until `stop`, or until a flush fails.
    func run() {
        while !self.isStopping.load(ordering: .sequentiallyConsistent) {
            self.isIdle.store(true, ordering: .sequentiallyConsistent)
            if self.durability.bytesAtRisk == 0 {
                self.wakeup.wait()
                continue
            }
            self.isIdle.store(false, ordering: .sequentiallyConsistent)
            if self.durability.bytesAtRisk < self.bytesMax {
                self.wakeup.wait(timeoutMilliseconds: self.delayMilliseconds)
            }
            guard self.flushNow() else { return }
        }
    }

    /// Flushes and reports; false when the log has failed.
    @discardableResult
    func flushNow() -> Bool {
        guard self.durability.bytesAtRisk > 0, self.durability.failure == nil else {
            return self.durability.failure == nil
        }
        let started = MonotonicClock.now()
        var failure: StorageError?
        do throws(StorageError) { try self.durability.flush() } catch { failure = error }
        var completion = WriteCompletion(
            written: self.durability.written, durable: self.durability.durable, failure: failure)
        completion.flushNanoseconds = MonotonicClock.now() - started
        self.onCompletion(completion)
        return failure == nil
    }
}
