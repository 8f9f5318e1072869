import Logging
import MessageFormat
import NIOPosix
import RemotingProtocol
import Synchronization

/// Keeps a broadcasting consumer's offsets in a file, in the form of RocketMQ's `offsets.json`.
final class OffsetKeeper: Sendable {
    private let path: String
    private let logger: Logger
    /// What is not written yet.
    private let latest = Mutex<[MessageQueue: QueueOffset]?>(nil)
    /// Held while the file is written: never by two, never by an event loop.
    private let writing = Mutex(())

    init(_ path: String, _ logger: Logger) {
        self.path = path
        self.logger = logger
    }

    /// Nothing, if there is no file. A damaged one is reported, and as good as none.
    func read() -> [MessageQueue: QueueOffset] {
        do {
            guard let bytes = try LocalFile.read(self.path) else { return [:] }
            return try ResetOffsetBody(parsing: bytes).offsets.mapValues { QueueOffset($0) }
        } catch {
            self.logger.error(
                "broadcast offsets cannot be read",
                metadata: ["file": "\(self.path)", "error": "\(error)"])
            return [:]
        }
    }

    /// Writes them soon, on a thread that may wait for the disk.
    func keep(_ offsets: [MessageQueue: QueueOffset]) {
        self.latest.withLock { $0 = offsets }
        NIOThreadPool.singleton.submit { _ in self.write() }
    }

    /// Writes what is not written yet.
    func write() {
        self.writing.withLock { _ in
            guard let offsets = self.latest.withLock({ $0.take() }) else { return }
            let bytes = ResetOffsetBody(offsets: offsets.mapValues(\.value)).encoded
            do {
                try LocalFile.replace(self.path, with: bytes)
            } catch {
                self.logger.error(
                    "broadcast offsets cannot be kept",
                    metadata: ["file": "\(self.path)", "error": "\(error)"])
            }
        }
    }
}
