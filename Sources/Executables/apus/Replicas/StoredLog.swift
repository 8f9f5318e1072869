import Glibc
import MessageFormat

/// A broker's log as it lies on the disk, read past the broker (`docs/formats/log.md`).
///
/// The broker may run meanwhile: what it is just writing reads as the log's end.
struct StoredLog {
    /// What part of the log is there and sound.
    struct Extent: Hashable {
        var start: Int64
        var end: Int64
        /// Of the last batch; 0 if there is none.
        var lastEpoch: UInt32
        /// Where sound batches follow bytes that are none.
        var damage: String?
    }

    let directory: String
    /// The broker group, if the broker has ever learnt it from a controller.
    let group: String?
    let logID: UInt64
    let segmentBytes: Int64
    /// Where each segment begins, ascending.
    let segments: [Int64]

    init(directory: String) throws(CommandFailure) {
        self.directory = directory
        self.group = Self.group(in: directory)
        let identity = StoredFile.read("\(directory)/log-identity") ?? []
        let parsed = identity.withUnsafeBytes { Self.identity($0) }
        guard let parsed else {
            throw CommandFailure(
                .usage, "cannot read the log in \(directory)",
                because: "its file log-identity is missing or damaged",
                try: "name directories of brokers, as storePathRootDir has them")
        }
        (self.logID, self.segmentBytes) = parsed
        self.segments = StoredFile.names(in: "\(directory)/commitlog")
            .compactMap { $0.utf8.count == 20 ? Int64($0) : nil }.sorted()
    }

    static func isLog(_ directory: String) -> Bool {
        access("\(directory)/log-identity", F_OK) == 0
    }

    /// `cluster#brokerName#brokerId`
    private static func group(in directory: String) -> String? {
        guard let bytes = StoredFile.read("\(directory)/brokerIdentity") else { return nil }
        let parts = String(decoding: bytes, as: UTF8.self).split(separator: "#")
        return parts.count >= 3 ? String(parts[1]) : nil
    }

    private static func identity(_ bytes: UnsafeRawBufferPointer) -> (UInt64, Int64)? {
        guard bytes.count >= 28, bytes.bigEndian(UInt32.self, at: 0) == 0x4150_4944,
            bytes.bigEndian(UInt32.self, at: 24) == Checksum.crc32c(bytes.slice(0..<24))
        else { return nil }
        let segmentBytes = bytes.bigEndian(Int64.self, at: 16)
        return segmentBytes > 0 ? (bytes.bigEndian(UInt64.self, at: 8), segmentBytes) : nil
    }

    /// Reads every batch and its checksum, up to the first bytes that are none.
    func scan() -> Extent {
        let first = self.segments.first ?? 0
        var extent = Extent(start: first, end: first, lastEpoch: 0)
        for base in self.segments {
            guard let file = StoredFile(self.path(base)) else { break }
            // A spare holds nothing yet.
            guard self.batch(in: file, base: base, at: base) != nil || base == first else { break }
            self.scan(file, from: base, into: &extent)
            extent.damage = extent.damage ?? self.damage(in: file, base: base, behind: extent.end)
        }
        return extent
    }

    private func scan(_ file: StoredFile, from base: Int64, into extent: inout Extent) {
        var position = base
        while position - base + Int64(LogBatchHeader.count) <= self.segmentBytes,
            let header = self.batch(in: file, base: base, at: position)
        {
            position += Int64(header.paddedLength)
            extent.end = position
            extent.lastEpoch = header.epoch.value
        }
    }

    /// Looks for a sound batch behind bytes that are none: then those were one.
    private func damage(in file: StoredFile, base: Int64, behind end: Int64) -> String? {
        let left = Int(min(Int64(LogBatchHeader.lengthMax), base + self.segmentBytes - end))
        guard left >= LogBatchHeader.count else { return nil }
        let tail = file.bytes(at: end - base, count: left)
        for offset in stride(from: 0, to: tail.count - 3, by: LogBatchHeader.alignment) {
            let magic = tail.withUnsafeBytes { $0.bigEndian(UInt32.self, at: offset) }
            let position = end + Int64(offset)
            guard magic == LogBatchHeader.magic,
                self.batch(in: file, base: base, at: position) != nil
            else { continue }
            return "the log breaks off at \(end) and goes on at \(position)"
        }
        return nil
    }

    /// The batch at this position, if there is a sound one.
    private func batch(in file: StoredFile, base: Int64, at position: Int64) -> LogBatchHeader? {
        let head = file.bytes(at: position - base, count: LogBatchHeader.count)
        let place = PhysicalOffset(position)
        let header = head.withUnsafeBytes {
            try? LogBatchHeader(parsing: $0, at: place, logID: self.logID)
        }
        guard let header else { return nil }
        let whole = file.bytes(at: position - base, count: header.length)
        return whole.withUnsafeBytes {
            try? LogBatchHeader(checking: $0, at: place, logID: self.logID)
        }
    }

    private func path(_ base: Int64) -> String {
        let digits = String(base)
        let zeroes = String(repeating: "0", count: 20 - digits.utf8.count)
        return "\(self.directory)/commitlog/\(zeroes)\(digits)"
    }

    /// The bytes at these positions; what no file holds reads as zero.
    func bytes(at position: Int64, count: Int) -> [UInt8] {
        let base = position / self.segmentBytes * self.segmentBytes
        let known = StoredFile(self.path(base))?.bytes(at: position - base, count: count) ?? []
        return known + [UInt8](repeating: 0, count: count - known.count)
    }
}

/// A file that is read at chosen places.
final class StoredFile {
    private let descriptor: Int32

    init?(_ path: String) {
        self.descriptor = open(path, O_RDONLY | O_CLOEXEC)
        if self.descriptor < 0 { return nil }
    }

    deinit { close(self.descriptor) }

    /// At most so many bytes; fewer at the file's end.
    func bytes(at offset: Int64, count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var done = 0
        while done < count {
            let got = bytes.withUnsafeMutableBytes { buffer in
                pread(
                    self.descriptor, buffer.baseAddress.map { $0 + done }, count - done,
                    Int(offset) + done)
            }
            if got < 0 && errno == EINTR { continue }
            guard got > 0 else { break }
            done += got
        }
        return Array(bytes[..<done])
    }

    /// A small file as a whole.
    static func read(_ path: String) -> [UInt8]? {
        StoredFile(path)?.bytes(at: 0, count: 64 << 10)
    }

    static func names(in directory: String) -> [String] {
        guard let files = opendir(directory) else { return [] }
        defer { closedir(files) }
        var names: [String] = []
        while let entry = readdir(files) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names.sorted()
    }
}
