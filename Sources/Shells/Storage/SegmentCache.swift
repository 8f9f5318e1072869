import Glibc
import MessageFormat
import Synchronization

/// Segments that are open for reading, at most `countMax`; the least recently used one goes.
///
/// A file that goes while somebody reads from it is closed when the read has ended.
final class SegmentCache: Sendable {
    private struct Entry {
        let file: OpenFile
        var used: UInt64
    }

    private struct State {
        var entries: [PhysicalOffset: Entry] = [:]
        var uses = UInt64(0)
        /// Used last: the messages of one request lie mostly in one segment.
        var latest: (base: PhysicalOffset, file: OpenFile)?
    }

    private let paths: LogPaths
    private let countMax: Int
    private let state = Mutex(State())

    init(paths: LogPaths, countMax: Int) {
        self.paths = paths
        self.countMax = max(1, countMax)
    }

    var count: Int { self.state.withLock { $0.entries.count } }

    func file(_ base: PhysicalOffset) throws(StorageError) -> OpenFile {
        if let file = self.cached(base) { return file }
        let file = try self.open(base)
        self.insert(file, base)
        return file
    }

    func remove(_ base: PhysicalOffset) {
        self.state.withLock { state in
            state.entries[base] = nil
            if state.latest?.base == base { state.latest = nil }
        }
    }

    func removeAll() {
        self.state.withLock { state in
            state.entries.removeAll()
            state.latest = nil
        }
    }

    private func cached(_ base: PhysicalOffset) -> OpenFile? {
        self.state.withLock { state in
            if let latest = state.latest, latest.base == base { return latest.file }
            guard let file = state.entries[base]?.file else { return nil }
            state.uses += 1
            state.entries[base]?.used = state.uses
            state.latest = (base, file)
            return file
        }
    }

    private func open(_ base: PhysicalOffset) throws(StorageError) -> OpenFile {
        do throws(StorageError) {
            return try OpenFile(self.paths.segment(base), .read)
        } catch {
            guard case .system(_, _, let errno) = error, errno == ENOENT else {
                throw error
            }
            throw .noSuchSegment(base: base)
        }
    }

    private func insert(_ file: OpenFile, _ base: PhysicalOffset) {
        self.state.withLock { state in
            let oldest = state.entries.min { $0.value.used < $1.value.used }
            if state.entries.count >= self.countMax, let oldest {
                state.entries.removeValue(forKey: oldest.key)
            }
            state.uses += 1
            state.entries[base] = Entry(file: file, used: state.uses)
            state.latest = (base, file)
        }
    }
}
