/// The index of one sealed segment, in one immutable file (`docs/formats/segment-index.md`).
///
/// Header, directory of queues, blocks of entries, blocks of keys. Each part has its own checksum,
/// so that a reader needs to load and check no more than it uses. A damaged file is thrown away and
/// made again from its segment. Big-endian.
///
/// | at | bytes | field |
/// | --- | --- | --- |
/// | 0 | 4 | magic `APX1` |
/// | 4 | 2 | format version, 1 |
/// | 6 | 2 | 1: made from a damaged segment, so messages are missing; else 0 |
/// | 8 | 8 | identity of the log |
/// | 16 | 8 | physical offset of the segment's first byte |
/// | 24 | 8 | physical offset behind the segment's last batch |
/// | 32 | 8 | lowest store timestamp, ms since 1970; 0 without entries |
/// | 40 | 8 | highest store timestamp |
/// | 48 | 4 | bytes of the directory |
/// | 52 | 4 | runs in the directory |
/// | 56 | 4 | entries |
/// | 60 | 4 | keys |
/// | 64 | 4 | CRC-32C of the directory |
/// | 68 | 4 | CRC-32C of the bytes before |
package struct SegmentIndexHeader: Hashable, Sendable {
    package static let magic = UInt32(0x4150_5831)
    package static let version = UInt16(1)
    package static let count = 72

    package let logID: UInt64
    package let base: PhysicalOffset
    package let end: PhysicalOffset
    /// Whether the segment holds messages that could not be read when this file was made.
    package let isPartial: Bool
    package let oldest: Timestamp
    package let youngest: Timestamp
    package let directoryBytes: Int
    package let runCount: Int
    package let entryCount: Int
    package let keyCount: Int
    let directoryChecksum: UInt32
}

/// Messages of one queue that lie in one segment, with no queue offset missing between them.
package struct SegmentIndexRun: Hashable, Sendable {
    package var key: QueueKey
    package var first: QueueOffset
    /// In the order of their queue offsets.
    package var entries: [IndexEntry]

    package init(key: QueueKey, first: QueueOffset, entries: [IndexEntry]) {
        self.key = key
        self.first = first
        self.entries = entries
    }
}

/// A message under the hash of one of its keys.
package struct SegmentIndexKey: Hashable, Sendable {
    package var hash: UInt64
    package var position: PhysicalOffset

    package init(hash: UInt64, position: PhysicalOffset) {
        self.hash = hash
        self.position = position
    }
}

/// Where a run's entries stand in an index file.
package struct SegmentIndexPlace: Hashable, Sendable {
    package let key: QueueKey
    package let first: QueueOffset
    /// Numbers of its entries within the file.
    package let ordinals: Range<Int>

    package var end: QueueOffset { self.first.advanced(by: self.ordinals.count) }

    /// The entry of the message with `offset`, nil when it lies elsewhere.
    package func ordinal(of offset: QueueOffset) -> Int? {
        guard offset >= self.first, offset < self.end else { return nil }
        return self.ordinals.lowerBound + offset.distance(from: self.first)
    }
}

/// Why a file is not the index of this segment of this log.
package enum SegmentIndexError: Error, Hashable, Sendable {
    case truncated(bytes: Int, needed: Int)
    case wrongMagic(UInt32)
    case wrongVersion(UInt16)
    case wrongLog(found: UInt64, expected: UInt64)
    case wrongSegment(found: PhysicalOffset, expected: PhysicalOffset)
    /// The header's counts do not add up to the file's size.
    case wrongSize(bytes: Int, expected: Int)
    case wrongDirectory(String)
    case wrongChecksum(part: String)
    /// An ordinal that the file does not have.
    case noSuchEntry(Int)
    /// A message that the file has no entry of.
    case noSuchMessage(QueueKey, QueueOffset)
    case unreadable(String)
}

/// How entries and keys are cut into blocks, each followed by its checksum.
///
/// A block's checksum starts from the header's checksum plus the block's number, so that a block of
/// another file or another place does not pass.
struct SegmentIndexBlocks: Hashable, Sendable {
    static let checksumCount = 4

    /// Name of the section, for errors.
    let part: String
    /// Where the first block stands in the file.
    let start: Int
    /// Bytes of one item.
    let itemBytes: Int
    let itemsPerBlock: Int
    let itemCount: Int
    /// Number of the first block in the file.
    let firstNumber: Int

    var blockCount: Int { (self.itemCount + self.itemsPerBlock - 1) / self.itemsPerBlock }
    var end: Int {
        self.start + self.itemCount * self.itemBytes + self.blockCount * Self.checksumCount
    }

    func items(ofBlock block: Int) -> Range<Int> {
        let first = block * self.itemsPerBlock
        return first..<min(first + self.itemsPerBlock, self.itemCount)
    }

    /// Where a block's items and their checksum stand.
    func bytes(ofBlock block: Int) -> Range<Int> {
        let start = self.start + block * (self.itemsPerBlock * self.itemBytes + Self.checksumCount)
        return
            start..<(start + self.items(ofBlock: block).count * self.itemBytes
            + Self.checksumCount)
    }

    func checksum(
        _ items: UnsafeRawBufferPointer, ofBlock block: Int, headerChecksum: UInt32
    ) -> UInt32 {
        let number = UInt32(truncatingIfNeeded: self.firstNumber + block)
        return Checksum.crc32c(items, seed: headerChecksum &+ number)
    }
}

extension SegmentIndexHeader {
    static let keyBytes = 12

    var entryBlocks: SegmentIndexBlocks {
        SegmentIndexBlocks(
            part: "entries", start: Self.count + self.directoryBytes, itemBytes: IndexEntry.count,
            itemsPerBlock: 64, itemCount: self.entryCount, firstNumber: 0)
    }

    var keyBlocks: SegmentIndexBlocks {
        let entries = self.entryBlocks
        return SegmentIndexBlocks(
            part: "keys", start: entries.end, itemBytes: Self.keyBytes, itemsPerBlock: 128,
            itemCount: self.keyCount, firstNumber: entries.blockCount)
    }

    /// Bytes of the whole file.
    var fileBytes: Int { self.keyBlocks.end }

    func store(into bytes: UnsafeMutableRawBufferPointer) {
        bytes.store(bigEndian: Self.magic, at: 0)
        bytes.store(bigEndian: Self.version, at: 4)
        bytes.store(bigEndian: UInt16(self.isPartial ? 1 : 0), at: 6)
        bytes.store(bigEndian: self.logID, at: 8)
        bytes.store(bigEndian: self.base.bytes, at: 16)
        bytes.store(bigEndian: self.end.bytes, at: 24)
        bytes.store(bigEndian: self.oldest.milliseconds, at: 32)
        bytes.store(bigEndian: self.youngest.milliseconds, at: 40)
        bytes.store(bigEndian: UInt32(self.directoryBytes), at: 48)
        bytes.store(bigEndian: UInt32(self.runCount), at: 52)
        bytes.store(bigEndian: UInt32(self.entryCount), at: 56)
        bytes.store(bigEndian: UInt32(self.keyCount), at: 60)
        bytes.store(bigEndian: self.directoryChecksum, at: 64)
        let checked = UnsafeRawBufferPointer(rebasing: bytes[..<68])
        bytes.store(bigEndian: Checksum.crc32c(checked), at: 68)
    }

    init(
        parsing bytes: UnsafeRawBufferPointer, base: PhysicalOffset, logID: UInt64
    ) throws(SegmentIndexError) {
        guard bytes.count >= Self.count else {
            throw .truncated(bytes: bytes.count, needed: Self.count)
        }
        let magic = bytes.bigEndian(UInt32.self, at: 0)
        guard magic == Self.magic else { throw .wrongMagic(magic) }
        guard Checksum.crc32c(bytes.slice(0..<68)) == bytes.bigEndian(UInt32.self, at: 68) else {
            throw .wrongChecksum(part: "header")
        }
        let version = bytes.bigEndian(UInt16.self, at: 4)
        guard version == Self.version else { throw .wrongVersion(version) }
        let foundLog = bytes.bigEndian(UInt64.self, at: 8)
        guard foundLog == logID else { throw .wrongLog(found: foundLog, expected: logID) }
        let foundBase = PhysicalOffset(bytes.bigEndian(Int64.self, at: 16))
        guard foundBase == base else { throw .wrongSegment(found: foundBase, expected: base) }
        self.init(
            logID: foundLog, base: foundBase,
            end: PhysicalOffset(bytes.bigEndian(Int64.self, at: 24)),
            isPartial: bytes.bigEndian(UInt16.self, at: 6) & 1 != 0,
            oldest: Timestamp(milliseconds: bytes.bigEndian(Int64.self, at: 32)),
            youngest: Timestamp(milliseconds: bytes.bigEndian(Int64.self, at: 40)),
            directoryBytes: Int(bytes.bigEndian(UInt32.self, at: 48)),
            runCount: Int(bytes.bigEndian(UInt32.self, at: 52)),
            entryCount: Int(bytes.bigEndian(UInt32.self, at: 56)),
            keyCount: Int(bytes.bigEndian(UInt32.self, at: 60)),
            directoryChecksum: bytes.bigEndian(UInt32.self, at: 64))
    }
}

extension IndexEntry {
    func store(into bytes: UnsafeMutableRawBufferPointer, at offset: Int) {
        bytes.store(bigEndian: self.position.bytes, at: offset)
        bytes.store(bigEndian: self.size, at: offset + 8)
        bytes.store(bigEndian: self.checksum, at: offset + 12)
        bytes.store(bigEndian: self.tagHash, at: offset + 16)
        bytes.store(bigEndian: self.storeTimestamp.milliseconds, at: offset + 20)
    }

    init(parsing bytes: UnsafeRawBufferPointer, at offset: Int) {
        self.init(
            position: PhysicalOffset(bytes.bigEndian(Int64.self, at: offset)),
            size: bytes.bigEndian(UInt32.self, at: offset + 8),
            checksum: bytes.bigEndian(UInt32.self, at: offset + 12),
            tagHash: bytes.bigEndian(Int32.self, at: offset + 16),
            storeTimestamp: Timestamp(
                milliseconds: bytes.bigEndian(Int64.self, at: offset + 20)))
    }
}
