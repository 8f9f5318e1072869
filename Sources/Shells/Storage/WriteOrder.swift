package import MessageFormat

/// A finished batch, padding included, and where it goes.
package struct WriteOrder: Sendable {
    package var position: PhysicalOffset
    package var bytes: [UInt8]
    /// Whether the completion waits until the bytes are on stable storage.
    package var sync: Bool

    package init(position: PhysicalOffset, bytes: [UInt8], sync: Bool) {
        self.position = position
        self.bytes = bytes
        self.sync = sync
    }

    package var end: PhysicalOffset { self.position.advanced(by: self.bytes.count) }
}

/// What became of the orders that were written together, or of a flush in the background.
///
/// Completions come from more than one thread: positions only ever grow, so keep the highest.
package struct WriteCompletion: Hashable, Sendable {
    /// Orders that end at or before this have their bytes in the file, readable at once.
    package internal(set) var written: PhysicalOffset
    /// Everything before this survives a power cut.
    package internal(set) var durable: PhysicalOffset
    /// Why orders behind `written` were not written, or why the flush failed.
    ///
    /// After `.noSpace` nothing of them is on disk, and all orders are refused until the first
    /// refused one comes again: submit the refused orders once more, unchanged, when space returns.
    /// Any other error is final: the writer never touches the log again.
    package internal(set) var failure: StorageError?
    /// Orders that were taken together; 0 for a flush in the background.
    package internal(set) var orders = 0
    package internal(set) var bytes = 0
    package internal(set) var writeNanoseconds = Int64(0)
    package internal(set) var flushNanoseconds = Int64(0)

    init(written: PhysicalOffset, durable: PhysicalOffset, failure: StorageError? = nil) {
        self.written = written
        self.durable = durable
        self.failure = failure
    }
}

/// What a writer has done since it was started.
package struct WriterStatistics: Hashable, Sendable {
    package internal(set) var writes = 0
    package internal(set) var flushes = 0
    package internal(set) var bytes = 0
}
