import Glibc
import MessageFormat

/// A file descriptor that closes itself. Every failure tells path, operation and errno.
final class OpenFile: Sendable {
    let path: String
    private let descriptor: Int32

    enum Access { case read, readWrite, create }

    init(_ path: String, _ access: Access) throws(StorageError) {
        let flags =
            switch access {
            case .read: O_RDONLY
            case .readWrite: O_RDWR
            case .create: O_RDWR | O_CREAT
            }
        var descriptor: Int32
        repeat {
            descriptor = Glibc.open(path, flags | O_CLOEXEC, 0o644)
        } while descriptor < 0 && errno == EINTR
        guard descriptor >= 0 else { throw .last("open", path) }
        self.path = path
        self.descriptor = descriptor
    }

    /// A child that is just being started has a copy of the descriptor until it runs its program:
    /// closing alone would leave it the lock.
    deinit {
        flock(self.descriptor, LOCK_UN)
        Glibc.close(self.descriptor)
    }

    /// Reads until `buffer` is full or the file ends; returns how many bytes came.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(StorageError)
        -> Int
    {
        var done = 0
        while let rest = buffer.rest(from: done) {
            let count = Glibc.pread(self.descriptor, rest.start, rest.count, off_t(offset + done))
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw .last("pread", self.path) }
            guard count > 0 else { break }
            done += count
        }
        return done
    }

    /// Writes all of `bytes`. A short write goes on, an error is final.
    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(StorageError) {
        var done = 0
        while let start = bytes.baseAddress, done < bytes.count {
            let count = Glibc.pwrite(
                self.descriptor, start + done, bytes.count - done, off_t(offset + done))
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw .last("pwrite", self.path) }
            guard count > 0 else {
                throw .system(operation: "pwrite", path: self.path, errno: EIO)
            }
            done += count
        }
    }

    /// Makes sure that later writes into `range` need no new blocks. What was not written there
    /// reads as zero.
    func reserve(_ range: Range<Int>) throws(StorageError) {
        guard !range.isEmpty else { return }
        var result: Int32
        repeat {
            result = posix_fallocate(
                self.descriptor, off_t(range.lowerBound), off_t(range.count))
        } while result == EINTR
        guard result == 0 else {
            let error = StorageError.system(
                operation: "fallocate", path: self.path, errno: result)
            throw error.orNoSpace(bytesNeeded: range.count)
        }
    }

    /// Data and what is needed to find it again reach the disk. Never call it again after it failed.
    func flush() throws(StorageError) {
        #if APUS_SABOTAGE
            if Sabotage.noFlush.isOn { return }
        #endif
        guard fdatasync(self.descriptor) == 0 else { throw .last("fdatasync", self.path) }
    }

    func flushAll() throws(StorageError) {
        guard fsync(self.descriptor) == 0 else { throw .last("fsync", self.path) }
    }

    func truncate(to count: Int) throws(StorageError) {
        guard ftruncate(self.descriptor, off_t(count)) == 0 else {
            throw .last("ftruncate", self.path)
        }
    }

    /// Takes the exclusive lock; false when another open file has it.
    func tryLock() throws(StorageError) -> Bool {
        if flock(self.descriptor, LOCK_EX | LOCK_NB) == 0 { return true }
        guard errno == EWOULDBLOCK else { throw .last("flock", self.path) }
        return false
    }

    func status() throws(StorageError) -> FileStatus {
        var status = stat()
        guard fstat(self.descriptor, &status) == 0 else { throw .last("fstat", self.path) }
        return FileStatus(status)
    }

    func readAll(bytesMax: Int) throws(StorageError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: min(try self.status().bytes, bytesMax))
        let count = try bytes.withMutableRawBytes {
            (buffer) throws(StorageError) -> Int in try self.read(into: buffer, at: 0)
        }
        bytes.removeLast(bytes.count - count)
        return bytes
    }
}

/// Size and age of a file.
struct FileStatus: Hashable, Sendable {
    let bytes: Int
    let modified: Timestamp

    init(_ status: stat) {
        let modified = status.st_mtim
        self.bytes = Int(status.st_size)
        self.modified = Timestamp(
            milliseconds: Int64(modified.tv_sec) * 1_000 + Int64(modified.tv_nsec) / 1_000_000)
    }
}

extension UnsafeMutableRawBufferPointer {
    /// What lies behind the first `done` bytes, nil when nothing does.
    fileprivate func rest(from done: Int) -> (start: UnsafeMutableRawPointer, count: Int)? {
        guard let start = self.baseAddress, done < self.count else { return nil }
        return (start + done, self.count - done)
    }
}
