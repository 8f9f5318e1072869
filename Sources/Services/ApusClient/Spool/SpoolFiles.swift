import ClientCore
import Dispatch
import Logging
import Synchronization

/// What a spool's files have to report.
enum SpoolEvent: Sendable {
    case opened(Result<[SpoolImage], FileError>)
    case written([UInt64])
    case writeFailed([UInt64], FileError)
    case read(SpoolPlanner.Admission, SpooledMessage?)
    case wasSetAside(SpoolPlanner.Admission, isStored: Bool)
}

/// The files of a spool: one per segment, named by its number.
///
/// Jobs run one after the other on a thread of their own, in the order of the calls; writes that
/// gathered meanwhile share one flush.
final class SpoolFiles: Sendable {
    enum Job: Sendable {
        case open
        case append(write: UInt64, segment: UInt64, position: Int, bytes: [UInt8])
        case read(SpoolPlanner.Admission, SpoolPlace)
        case setAside(SpoolPlanner.Admission, SpoolPlace)
        case remove(segment: UInt64)
        case quarantine(segment: UInt64)
        case close
    }

    private let disk: Mutex<SpoolDisk>
    private let queue = DispatchQueue(label: "apus.spool")
    private let inbox = Mutex<[Job]>([])

    init(_ directory: String, logger: Logger) {
        self.disk = Mutex(SpoolDisk(directory, logger: logger))
    }

    /// Returns when all jobs are done and the directory is free.
    func close() async {
        self.post(.close) { _ in }
        await withCheckedContinuation { continuation in
            self.queue.async { continuation.resume() }
        }
    }

    /// From any thread; reports come on the spool's own.
    func post(_ job: Job, report: @escaping @Sendable (SpoolEvent) -> Void) {
        let mustWake = self.inbox.withLock { inbox in
            inbox.append(job)
            return inbox.count == 1
        }
        guard mustWake else { return }
        self.queue.async {
            let jobs = self.inbox.withLock { inbox in
                var jobs: [Job] = []
                swap(&jobs, &inbox)
                return jobs
            }
            let events = self.disk.withLock { $0.run(jobs) }
            for event in events { report(event) }
        }
    }
}

/// The disk side of a spool, on its own thread.
private struct SpoolDisk: ~Copyable {
    private let directory: String
    private let logger: Logger
    private var lock: DurableFile?
    private var active: (segment: UInt64, file: DurableFile)?
    /// Written since the last flush.
    private var unflushed: [UInt64] = []
    private var isDirectoryStale = false
    /// After a failure nothing is written any more: what a second flush says would be no proof.
    private var failure: FileError?
    private var events: [SpoolEvent] = []

    init(_ directory: String, logger: Logger) {
        self.directory = directory
        self.logger = logger
    }

    mutating func run(_ jobs: [SpoolFiles.Job]) -> [SpoolEvent] {
        self.events = []
        for job in jobs {
            if case .append(let write, let segment, let position, let bytes) = job {
                self.append(write, segment, position, bytes)
                continue
            }
            self.flush()
            self.perform(job)
        }
        self.flush()
        return self.events
    }

    private mutating func perform(_ job: SpoolFiles.Job) {
        switch job {
        case .append: break
        case .open: self.events.append(.opened(self.open()))
        case .read(let admission, let place):
            self.events.append(.read(admission, self.message(at: place)))
        case .setAside(let admission, let place):
            self.events.append(.wasSetAside(admission, isStored: self.setAside(place)))
        case .remove(let segment):
            let path = self.path(segment)
            self.tidy { () throws(FileError) in try FileDirectory.remove(path) }
        case .quarantine(let segment):
            let path = self.path(segment)
            self.tidy { () throws(FileError) in
                try FileDirectory.rename(path, to: "\(path).damaged")
            }
        case .close:
            self.active = nil
            self.lock = nil
        }
    }

    private func path(_ segment: UInt64) -> String {
        let digits = String(segment)
        let zeros = String(repeating: "0", count: max(0, 20 - digits.count))
        return "\(self.directory)/\(zeros)\(digits).spool"
    }
}

// Opening.
extension SpoolDisk {
    private mutating func open() -> Result<[SpoolImage], FileError> {
        Result { () throws(FileError) -> [SpoolImage] in
            try FileDirectory.make(self.directory)
            let path = "\(self.directory)/LOCK"
            guard let lock = try DurableFile.lock(path) else { throw .inUse(path) }
            self.lock = lock
            var images: [SpoolImage] = []
            for name in try FileDirectory.names(in: self.directory) {
                guard name.hasSuffix(".spool"), let segment = UInt64(name.dropLast(6)) else {
                    continue
                }
                images.append(try self.image(of: segment))
            }
            return images
        }
    }

    private func image(of segment: UInt64) throws(FileError) -> SpoolImage {
        let file = try DurableFile.read(self.path(segment))
        let bytes = try file.bytes(at: 0, count: try file.count)
        let image = bytes.withUnsafeBytes { SpoolImage(segment: segment, reading: $0) }
        if image.tornBytes > 0 || !image.damages.isEmpty {
            self.logger.warning(
                "a spool file is not whole; what can be read is sent",
                metadata: [
                    "file": "\(file.path)", "cutOff": "\(image.tornBytes)",
                    "damages": "\(image.damages.count)",
                ])
        }
        return image
    }
}

// Writing and reading.
extension SpoolDisk {
    private mutating func append(
        _ write: UInt64, _ segment: UInt64, _ position: Int, _ bytes: [UInt8]
    ) {
        self.unflushed.append(write)
        guard self.failure == nil else { return }
        do throws(FileError) {
            if self.active?.segment != segment {
                try self.active?.file.flush()
                self.active = (segment, try DurableFile.write(self.path(segment)))
                self.isDirectoryStale = true
            }
            try self.active?.file.write(bytes, at: position)
        } catch {
            self.failed(error)
        }
    }

    private mutating func flush() {
        guard !self.unflushed.isEmpty else { return }
        if self.failure == nil {
            do throws(FileError) {
                try self.active?.file.flush()
                if self.isDirectoryStale { try FileDirectory.flush(self.directory) }
                self.isDirectoryStale = false
            } catch {
                self.failed(error)
            }
        }
        let writes = self.unflushed
        self.unflushed = []
        self.events.append(
            self.failure.map { .writeFailed(writes, $0) } ?? .written(writes))
    }

    private mutating func failed(_ error: FileError) {
        self.failure = error
        self.logger.error("the spool's disk failed", metadata: ["error": "\(error)"])
    }

    private func record(at place: SpoolPlace) -> [UInt8]? {
        do throws(FileError) {
            let file = try DurableFile.read(self.path(place.segment))
            return try file.bytes(at: place.position, count: place.count)
        } catch {
            self.logger.error("a spooled message is lost", metadata: ["error": "\(error)"])
            return nil
        }
    }

    private func message(at place: SpoolPlace) -> SpooledMessage? {
        guard let bytes = self.record(at: place) else { return nil }
        let record = bytes.withUnsafeBytes { try? SpoolRecord.read($0, from: place) }
        guard case .message(let message)? = record else {
            self.logger.error(
                "a spooled message is damaged",
                metadata: [
                    "file": "\(self.path(place.segment))", "position": "\(place.position)",
                ])
            return nil
        }
        return message
    }

    /// One file per message, in the form of a spool's record.
    private func setAside(_ place: SpoolPlace) -> Bool {
        guard let message = self.message(at: place) else { return false }
        let directory = "\(self.directory)/set-aside"
        do throws(FileError) {
            try FileDirectory.make(directory)
            let file = try DurableFile.write("\(directory)/\(message.sequence).message")
            try file.write(SpoolRecord.message(message).encoded(segment: 0, position: 0), at: 0)
            try file.flush()
            try FileDirectory.flush(directory)
            return true
        } catch {
            self.logger.error(
                "a spooled message cannot be set aside", metadata: ["error": "\(error)"])
            return false
        }
    }

    /// A file that stays behind costs room, nothing else: its messages are marked as done.
    private func tidy(_ work: () throws(FileError) -> Void) {
        do throws(FileError) {
            try work()
        } catch {
            self.logger.warning("a spool file stays behind", metadata: ["error": "\(error)"])
        }
    }
}
