/// Answers questions from a segment's index file, reading and checking only the blocks it needs.
///
/// Any error means that the file is to be thrown away and made again from its segment.
package struct SegmentIndexReader: Sendable {
    /// Fills the buffer with the file's bytes from an offset on, or throws.
    package typealias Source =
        @Sendable (_ offset: Int, _ buffer: UnsafeMutableRawBufferPointer)
        throws(SegmentIndexError) -> Void

    package let header: SegmentIndexHeader
    /// Sorted by topic, queue id and first queue offset.
    package let directory: [SegmentIndexPlace]
    private let headerChecksum: UInt32
    private let source: Source

    /// Reads and checks header and directory.
    package init(
        base: PhysicalOffset, logID: UInt64, fileBytes: Int, source: @escaping Source
    ) throws(SegmentIndexError) {
        guard fileBytes >= SegmentIndexHeader.count else {
            throw .truncated(bytes: fileBytes, needed: SegmentIndexHeader.count)
        }
        let head = try Self.read(0..<SegmentIndexHeader.count, source)
        let header = try head.withRawBytes { (bytes) throws(SegmentIndexError) in
            try SegmentIndexHeader(parsing: bytes, base: base, logID: logID)
        }
        guard header.fileBytes == fileBytes else {
            throw .wrongSize(bytes: fileBytes, expected: header.fileBytes)
        }
        let start = SegmentIndexHeader.count
        let rows = try Self.read(start..<(start + header.directoryBytes), source)
        self.header = header
        self.headerChecksum = head.withUnsafeBytes { $0.bigEndian(UInt32.self, at: 68) }
        self.directory = try rows.withRawBytes { (bytes) throws(SegmentIndexError) in
            try SegmentIndexDirectory.parse(bytes, header: header)
        }
        self.source = source
    }

    /// The runs of one queue, in the order of their queue offsets.
    package func places(of key: QueueKey) -> ArraySlice<SegmentIndexPlace> {
        let first = self.directory.partition { $0.key < key }
        let end = self.directory.partition { $0.key <= key }
        return self.directory[first..<end]
    }

    /// The entries with these numbers, in order.
    package func entries(_ ordinals: Range<Int>) throws(SegmentIndexError) -> [IndexEntry] {
        guard ordinals.lowerBound >= 0, ordinals.upperBound <= self.header.entryCount else {
            throw .noSuchEntry(ordinals.upperBound)
        }
        guard !ordinals.isEmpty else { return [] }
        let blocks = self.header.entryBlocks
        let firstBlock = ordinals.lowerBound / blocks.itemsPerBlock
        let lastBlock = (ordinals.upperBound - 1) / blocks.itemsPerBlock
        var entries: [IndexEntry] = []
        entries.reserveCapacity(ordinals.count)
        try self.readBlocks(firstBlock...lastBlock, of: blocks) { items, bytes in
            for ordinal in items.clamped(to: ordinals) {
                let at = (ordinal - items.lowerBound) * IndexEntry.count
                entries.append(IndexEntry(parsing: bytes, at: at))
            }
        }
        return entries
    }

    /// The first of these entries, all of one run, that was stored at `time` or later; the end of
    /// the range when there is none.
    ///
    /// Store timestamps do not go back within a segment.
    package func firstOrdinal(
        in ordinals: Range<Int>, storedAtOrAfter time: Timestamp
    ) throws(SegmentIndexError) -> Int {
        var (low, high) = (ordinals.lowerBound, ordinals.upperBound)
        while low < high {
            let middle = (low + high) / 2
            let entry = try self.entries(middle..<(middle + 1))
            if entry[0].storeTimestamp < time { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Entries under a key's hash, at most `limit`, newest last within a queue.
    ///
    /// The hash only narrows the search: read the messages and compare.
    package func entries(
        keyHash hash: UInt64, limit: Int = .max
    ) throws(SegmentIndexError) -> [IndexEntry] {
        var entries: [IndexEntry] = []
        for ordinal in try self.ordinals(keyHash: hash, limit: limit) {
            entries += try self.entries(ordinal..<(ordinal + 1))
        }
        return entries
    }

    private func ordinals(keyHash hash: UInt64, limit: Int) throws(SegmentIndexError) -> [Int] {
        let blocks = self.header.keyBlocks
        var block = try self.firstKeyBlock(reaching: hash)
        var ordinals: [Int] = []
        var isPast = false
        while block < blocks.blockCount, !isPast, ordinals.count < limit {
            try self.readBlocks(block...block, of: blocks) { items, bytes in
                for item in 0..<items.count where ordinals.count < limit {
                    let at = item * blocks.itemBytes
                    let found = bytes.bigEndian(UInt64.self, at: at)
                    if found == hash {
                        ordinals.append(Int(bytes.bigEndian(UInt32.self, at: at + 8)))
                    }
                    if found > hash { isPast = true }
                }
            }
            block += 1
        }
        return ordinals
    }

    /// The first block of keys whose last hash is `hash` or higher.
    private func firstKeyBlock(reaching hash: UInt64) throws(SegmentIndexError) -> Int {
        let blocks = self.header.keyBlocks
        var (low, high) = (0, blocks.blockCount)
        while low < high {
            let middle = (low + high) / 2
            var last = UInt64(0)
            try self.readBlocks(middle...middle, of: blocks) { items, bytes in
                last = bytes.bigEndian(UInt64.self, at: (items.count - 1) * blocks.itemBytes)
            }
            if last < hash { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Reads neighbouring blocks with one call, checks each, and hands out its items.
    func readBlocks(
        _ range: ClosedRange<Int>, of blocks: SegmentIndexBlocks,
        _ body: (Range<Int>, UnsafeRawBufferPointer) -> Void
    ) throws(SegmentIndexError) {
        let start = blocks.bytes(ofBlock: range.lowerBound).lowerBound
        let end = blocks.bytes(ofBlock: range.upperBound).upperBound
        let read = try Self.read(start..<end, self.source)
        try read.withRawBytes { (bytes) throws(SegmentIndexError) in
            for block in range {
                let place = blocks.bytes(ofBlock: block)
                let checksumAt = place.upperBound - start - SegmentIndexBlocks.checksumCount
                let items = bytes.slice((place.lowerBound - start)..<checksumAt)
                let found = blocks.checksum(
                    items, ofBlock: block, headerChecksum: self.headerChecksum)
                guard found == bytes.bigEndian(UInt32.self, at: checksumAt) else {
                    throw .wrongChecksum(part: "\(blocks.part) block \(block)")
                }
                body(blocks.items(ofBlock: block), items)
            }
        }
    }

    private static func read(
        _ range: Range<Int>, _ source: Source
    ) throws(SegmentIndexError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: range.count)
        guard !range.isEmpty else { return bytes }
        try bytes.withMutableRawBytes { (buffer) throws(SegmentIndexError) in
            try source(range.lowerBound, buffer)
        }
        return bytes
    }
}

extension QueueKey {
    fileprivate static func <= (left: Self, right: Self) -> Bool { !(right < left) }
}

extension [SegmentIndexPlace] {
    /// The first index at which `isBefore` is false; it is true before and false behind.
    fileprivate func partition(_ isBefore: (Element) -> Bool) -> Int {
        var (low, high) = (0, self.count)
        while low < high {
            let middle = (low + high) / 2
            if isBefore(self[middle]) { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
