import MessageFormat

/// The file `raft-log`: a header, then frames; it only grows until a snapshot replaces it.
///
/// Header: magic `APRL`, format version, reserved, index and term of what its first entry
/// continues, CRC-32C, reserved.
struct RaftLogFile {
    static let fileName = "raft-log"
    private static let magic = UInt32(0x4150_524C)
    private static let version = UInt16(1)
    private static let headerCount = 32

    private let file: OpenFile
    private(set) var end: Int

    /// Writes a file with this content in place of the one before.
    static func replace(in directory: String, with stored: StoredRaft) throws(StorageError) {
        var bytes = Self.header(stored.base)
        let records =
            [RaftRecord.hardState(stored.hardState)] + stored.entries.map { .entry($0) }
        bytes += RaftFrame.encode(records, at: bytes.count)
        try Directory.replace(Self.fileName, in: directory, with: bytes)
    }

    /// Opens the file and replays it. A torn last frame is cut off: nobody was told of it.
    static func open(
        in directory: String, snapshot: StoredSnapshot?
    ) throws(RaftStoreError) -> (file: Self, stored: StoredRaft, tornBytes: Int) {
        let (file, stored, end, tornBytes) = try Self.replay(
            in: directory, snapshot: snapshot, .readWrite)
        if tornBytes > 0 {
            try RaftStoreError.onDisk { () throws(StorageError) in
                try file.truncate(to: end)
                try file.flushAll()
            }
        }
        return (Self(file: file, end: end), stored, tornBytes)
    }

    /// What is in the file, and how many bytes of a torn last frame; nothing is changed.
    static func read(
        in directory: String, snapshot: StoredSnapshot?
    ) throws(RaftStoreError) -> (stored: StoredRaft, tornBytes: Int) {
        let (_, stored, _, tornBytes) = try Self.replay(in: directory, snapshot: snapshot, .read)
        return (stored, tornBytes)
    }

    private static func replay(
        in directory: String, snapshot: StoredSnapshot?, _ access: OpenFile.Access
    ) throws(RaftStoreError) -> (OpenFile, StoredRaft, end: Int, tornBytes: Int) {
        let path = "\(directory)/\(Self.fileName)"
        let (file, bytes) = try RaftStoreError.onDisk {
            () throws(StorageError) -> (OpenFile, [UInt8]) in
            let file = try OpenFile(path, access)
            return (file, try file.readAll(bytesMax: .max))
        }
        var replay = try RaftReplay(path: path, base: Self.base(in: bytes, path: path))
        var end = Self.headerCount
        while end < bytes.count, let frame = RaftFrame(in: bytes, at: end) {
            try replay.take(frame.payload, at: end)
            end = frame.end
        }
        guard end == bytes.count || !RaftFrame.isThereOne(in: bytes, behind: end) else {
            throw .damaged(path: path, position: end, reason: "a frame before the last is broken")
        }
        return (file, try replay.result(with: snapshot), end, bytes.count - end)
    }

    /// One write, one flush.
    mutating func append(_ records: [RaftRecord]) throws(StorageError) {
        let bytes = RaftFrame.encode(records, at: self.end)
        try bytes.withRawBytes { (bytes) throws(StorageError) in
            try self.file.write(bytes, at: self.end)
        }
        try self.file.flush()
        self.end += bytes.count
    }

    private static func header(_ base: (index: UInt64, term: UInt64)) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(bigEndian: Self.magic)
        bytes.append(bigEndian: Self.version)
        bytes.append(bigEndian: UInt16(0))
        bytes.append(bigEndian: base.index)
        bytes.append(bigEndian: base.term)
        bytes.appendChecksum()
        bytes.append(bigEndian: UInt32(0))
        return bytes
    }

    private static func base(
        in bytes: [UInt8], path: String
    ) throws(RaftStoreError) -> (index: UInt64, term: UInt64) {
        guard Array(bytes.prefix(Self.headerCount - 4)).hasValidChecksum else {
            throw .damaged(path: path, position: 0, reason: "the header has a wrong checksum")
        }
        var header = RaftDiskBytes(bytes.prefix(Self.headerCount))
        guard header.integer(UInt32.self) == Self.magic,
            header.integer(UInt16.self) == Self.version, header.integer(UInt16.self) != nil,
            let index = header.integer(UInt64.self), let term = header.integer(UInt64.self),
            header.take(8) != nil
        else {
            throw .damaged(path: path, position: 0, reason: "no Raft log of format version 1")
        }
        return (index, term)
    }
}

/// Puts the facts of a log file together.
private struct RaftReplay {
    let path: String
    let base: (index: UInt64, term: UInt64)
    var hardState = StoredHardState()
    /// Nothing in the file says whether this member may have forgotten something.
    var isBare = false
    var entries: [StoredRaftEntry] = []

    init(path: String, base: (index: UInt64, term: UInt64)) {
        self.path = path
        self.base = base
    }

    mutating func take(_ payload: ArraySlice<UInt8>, at position: Int) throws(RaftStoreError) {
        guard let records = RaftRecord.all(in: payload) else {
            throw .damaged(path: self.path, position: position, reason: "no records of version 1")
        }
        for record in records {
            switch record {
            case .hardState(let state):
                self.hardState = state
                self.isBare = false
            case .bareHardState(let term, let vote):
                self.hardState = StoredHardState(term: term, vote: vote)
                self.isBare = true
            case .truncate(let index): self.truncate(from: index)
            case .entry(let entry): try self.take(entry, at: position)
            }
        }
    }

    private mutating func take(_ entry: StoredRaftEntry, at position: Int) throws(RaftStoreError) {
        self.truncate(from: entry.index)
        let last = self.entries.last.map { ($0.index, $0.term) } ?? self.base
        guard last.0 < .max, entry.index == last.0 + 1, entry.term >= last.1 else {
            throw .damaged(
                path: self.path, position: position,
                reason: "entry \(entry.index) of term \(entry.term) behind \(last.0) of \(last.1)")
        }
        self.entries.append(entry)
    }

    private mutating func truncate(from index: UInt64) {
        while let last = self.entries.last, last.index >= index { self.entries.removeLast() }
    }

    /// The snapshot may be newer than the file: a crash came between the two.
    func result(with snapshot: StoredSnapshot?) throws(RaftStoreError) -> StoredRaft {
        var stored = StoredRaft()
        stored.hardState = self.hardState
        if self.isBare, !self.entries.isEmpty || snapshot != nil {
            stored.hardState.mayHaveForgotten = false
        }
        stored.entries = self.entries
        let found = snapshot.map { ($0.index, $0.term) } ?? (0, 0)
        guard found.0 >= self.base.index, found.0 > self.base.index || found.1 == self.base.term
        else {
            throw .damaged(
                path: self.path, position: 0,
                reason: "it continues a snapshot at \(self.base.index), which is not there")
        }
        guard let snapshot else { return stored }
        if found == self.base {
            stored.snapshot = snapshot
        } else {
            stored.replaceBeginning(by: snapshot)
        }
        return stored
    }
}
