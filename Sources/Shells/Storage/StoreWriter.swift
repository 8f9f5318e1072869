package import MessageFormat
import Synchronization

/// The log's single writer: a thread that takes all orders that have gathered, writes neighbours
/// with one call, flushes once for all of them, and reports once (group commit).
///
/// Orders come in the order of the log: each continues the one before it or starts the next
/// segment. Orders that ask for no flush are flushed in the background, after `Options.flushDelay`
/// or `Options.flushBytes`.
///
/// "An fsync error is fatal": after any failed write or flush, space apart, the writer does no more
/// IO and every order completes with the error.
package final class StoreWriter: Sendable {
    package struct Options: Sendable {
        /// Longest that an order without `sync` waits for its flush.
        package var flushDelayMilliseconds = 500
        /// Most bytes that wait for a flush in the background.
        package var flushBytes = 16 << 20
        /// Most bytes that wait for the writer; `submit` refuses more.
        package var queuedBytesMax = 64 << 20

        package init() {}
    }

    private struct Queue: Sendable {
        var orders: [WriteOrder] = []
        var bytes = 0
        /// Somebody carries out orders: the thread, or a caller inline.
        var isBusy = false
        var isStopping = false
    }

    private let store: LogStore
    private let options: Options
    private let queue = Mutex(Queue())
    private let desk: Mutex<WriteDesk>
    private let wakeup = Wakeup()
    private let durability: Durability
    private let preparer: SegmentPreparer
    private let flusher: BackgroundFlusher
    private let onCompletion: @Sendable (WriteCompletion) -> Void
    private let workers = Mutex<[Worker]>([])

    /// Starts writing at the end that `LogStore.truncate(to:)` set. Prepares the first megabytes
    /// before it returns.
    ///
    /// `onCompletion` runs on the writer's threads: hand over and return, and never `stop` in it.
    package static func start(
        _ store: LogStore, options: Options = Options(),
        onCompletion: @escaping @Sendable (WriteCompletion) -> Void
    ) throws(StorageError) -> StoreWriter {
        let end = try store.claimWriting()
        do throws(StorageError) {
            let writer = try StoreWriter(
                store: store, end: end, options: options, onCompletion: onCompletion)
            try writer.startThreads()
            return writer
        } catch {
            store.table.withLock { $0.hasWriter = false }
            throw error
        }
    }

    private init(
        store: LogStore, end: PhysicalOffset, options: Options,
        onCompletion: @escaping @Sendable (WriteCompletion) -> Void
    ) throws(StorageError) {
        let preparer = try SegmentPreparer(store: store, from: end)
        let file = try OpenFile(store.paths.segment(store.base(of: end)), .readWrite)
        let durability = Durability(file: file, end: end)
        self.store = store
        self.options = options
        self.preparer = preparer
        self.durability = durability
        self.flusher = BackgroundFlusher(
            durability: durability, delayMilliseconds: options.flushDelayMilliseconds,
            bytesMax: options.flushBytes, onCompletion: onCompletion)
        self.desk = Mutex(
            WriteDesk(
                store: store, preparer: preparer, durability: durability, file: file, end: end))
        self.onCompletion = onCompletion
    }

    /// Hands orders to the writer's thread, all or none. False when too much is waiting: nothing was
    /// taken, try again after the next completion.
    package func submit(_ orders: [WriteOrder]) -> Bool {
        guard !orders.isEmpty else { return true }
        let (isTaken, mustWake) = self.queue.withLock { queue in
            guard !queue.isStopping, queue.bytes < self.options.queuedBytesMax else {
                return (false, false)
            }
            let wasEmpty = queue.orders.isEmpty
            queue.orders += orders
            queue.bytes += orders.reduce(0) { $0 + $1.bytes.count }
            return (true, wasEmpty && !queue.isBusy)
        }
        if mustWake { self.wakeup.signal() }
        return isTaken
    }

    package func submit(_ order: WriteOrder) -> Bool { self.submit([order]) }

    /// Carries orders out on the caller's thread when nobody writes and nothing waits, which saves
    /// two hops between threads. nil when the writer is busy: `submit` them.
    ///
    /// What it returns is not reported to `onCompletion`.
    package func writeInline(_ orders: [WriteOrder]) -> WriteCompletion? {
        let isMine = self.queue.withLock { queue in
            guard !queue.isBusy, !queue.isStopping, queue.orders.isEmpty else { return false }
            queue.isBusy = true
            return true
        }
        guard isMine else { return nil }
        let completion = self.perform(orders)
        let mustWake = self.queue.withLock { queue in
            queue.isBusy = false
            return !queue.orders.isEmpty || queue.isStopping
        }
        if mustWake { self.wakeup.signal() }
        return completion
    }

    package func writeInline(_ order: WriteOrder) -> WriteCompletion? {
        self.writeInline([order])
    }

    /// Whether the disk has room for what comes.
    package var space: SpaceState { self.preparer.space }

    /// Why the writer does nothing any more.
    package var failure: StorageError? { self.durability.failure }

    package var written: PhysicalOffset { self.durability.written }

    package var durable: PhysicalOffset { self.durability.durable }

    package var statistics: WriterStatistics { self.desk.withLock { $0.statistics } }

    /// Carries out what was submitted, flushes it, and ends the threads. Later orders are refused.
    package func stop() {
        self.queue.withLock { $0.isStopping = true }
        self.wakeup.signal()
        self.preparer.stop()
        self.flusher.stop()
        let workers = self.workers.withLock { workers in
            defer { workers = [] }
            return workers
        }
        for worker in workers { worker.join() }
        self.flusher.flushNow()
        self.store.table.withLock { table in
            table.hasWriter = false
            table.recoveredEnd = nil
        }
    }

    private func startThreads() throws(StorageError) {
        let writing = try Worker("log-writer") { self.run() }
        self.workers.withLock { $0 = [writing] }
        do throws(StorageError) {
            let flushing = try Worker("log-flusher") { self.flusher.run() }
            self.workers.withLock { $0.append(flushing) }
            let preparing = try Worker("log-preparer") { self.prepare() }
            self.workers.withLock { $0.append(preparing) }
        } catch {
            self.stop()
            throw error
        }
    }

    private func prepare() {
        do throws(StorageError) {
            try self.preparer.run()
        } catch {
            self.durability.fail(error)
            self.onCompletion(
                WriteCompletion(
                    written: self.durability.written, durable: self.durability.durable,
                    failure: error))
        }
    }

    private func run() {
        while true {
            switch self.next() {
            case .orders(let orders):
                self.onCompletion(self.perform(orders))
                self.queue.withLock { $0.isBusy = false }
            case .sleep: self.wakeup.wait()
            case .end: return
            }
        }
    }

    private enum Next: Sendable {
        case orders([WriteOrder])
        case sleep
        case end
    }

    /// All orders that wait, unless a caller is writing inline: it wakes this thread afterwards.
    private func next() -> Next {
        self.queue.withLock { queue in
            if queue.isBusy { return .sleep }
            if queue.orders.isEmpty { return queue.isStopping ? .end : .sleep }
            defer {
                queue.isBusy = true
                queue.orders = []
                queue.bytes = 0
            }
            return .orders(queue.orders)
        }
    }

    private func perform(_ orders: [WriteOrder]) -> WriteCompletion {
        let completion = self.desk.withLock { $0.perform(orders) }
        self.flusher.wrote(atRisk: completion.written.distance(from: completion.durable))
        #if APUS_SABOTAGE
            if Sabotage.ackBeforeFlush.isOn {
                return WriteCompletion(written: completion.written, durable: completion.written)
            }
        #endif
        return completion
    }
}

extension LogStore {
    /// Where writing starts. One writer at a time, and only after recovery.
    fileprivate func claimWriting() throws(StorageError) -> PhysicalOffset {
        try self.table.withLock { (table) throws(StorageError) in
            guard !table.hasWriter else { throw .alreadyWriting(directory: self.directory) }
            guard let end = table.recoveredEnd else {
                throw .notRecovered(directory: self.directory)
            }
            table.hasWriter = true
            return end
        }
    }
}
