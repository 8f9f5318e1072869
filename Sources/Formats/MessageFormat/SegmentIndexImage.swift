/// Makes the bytes of a segment's index file.
package enum SegmentIndexImage {
    /// - Parameters:
    ///   - end: behind the segment's last batch.
    ///   - runs: in any order; one queue may have several, when queue offsets are missing between.
    ///   - keys: in any order. A key whose position no entry has leads nowhere and is left out.
    ///   - isPartial: messages are missing, because the segment is damaged.
    package static func encode(
        logID: UInt64, base: PhysicalOffset, end: PhysicalOffset, runs: [SegmentIndexRun],
        keys: [SegmentIndexKey], isPartial: Bool = false
    ) -> [UInt8] {
        let runs = runs.sorted { ($0.key, $0.first) < ($1.key, $1.first) }
        let directory = Self.directory(of: runs)
        let rows = KeyRow.rows(of: keys, in: runs)
        let timestamps = runs.lazy.flatMap(\.entries).map(\.storeTimestamp)
        let none = Timestamp(milliseconds: 0)
        let header = SegmentIndexHeader(
            logID: logID, base: base, end: end, isPartial: isPartial,
            oldest: timestamps.min() ?? none, youngest: timestamps.max() ?? none,
            directoryBytes: directory.count,
            runCount: runs.count, entryCount: runs.reduce(0) { $0 + $1.entries.count },
            keyCount: rows.count,
            directoryChecksum: directory.withUnsafeBytes { Checksum.crc32c($0) })
        return [UInt8](unsafeUninitializedCapacity: header.fileBytes) { buffer, count in
            let bytes = UnsafeMutableRawBufferPointer(buffer)
            header.store(into: bytes)
            directory.withUnsafeBytes { bytes.copy($0, at: SegmentIndexHeader.count) }
            Self.store(runs, header, into: bytes)
            Self.store(rows, header, into: bytes)
            count = header.fileBytes
        }
    }

    /// Per run: length of the topic, topic, queue id, first queue offset, number of entries.
    private static func directory(of runs: [SegmentIndexRun]) -> [UInt8] {
        var bytes: [UInt8] = []
        for run in runs {
            bytes.append(bigEndian: UInt16(run.key.topic.utf8.count))
            bytes.append(contentsOf: run.key.topic.utf8)
            bytes.append(bigEndian: run.key.queueID)
            bytes.append(bigEndian: run.first.value)
            bytes.append(bigEndian: UInt32(run.entries.count))
        }
        return bytes
    }

    private static func store(
        _ runs: [SegmentIndexRun], _ header: SegmentIndexHeader,
        into bytes: UnsafeMutableRawBufferPointer
    ) {
        var cursor = BlockCursor(header.entryBlocks)
        for run in runs {
            for entry in run.entries {
                entry.store(into: bytes, at: cursor.next())
            }
        }
        header.entryBlocks.seal(bytes)
    }

    private static func store(
        _ rows: [KeyRow], _ header: SegmentIndexHeader, into bytes: UnsafeMutableRawBufferPointer
    ) {
        var cursor = BlockCursor(header.keyBlocks)
        for row in rows {
            let at = cursor.next()
            bytes.store(bigEndian: row.hash, at: at)
            bytes.store(bigEndian: row.ordinal, at: at + 8)
        }
        header.keyBlocks.seal(bytes)
    }
}

/// A key as it stands in the file: by the number of its entry.
private struct KeyRow {
    let hash: UInt64
    let ordinal: UInt32

    static func rows(of keys: [SegmentIndexKey], in runs: [SegmentIndexRun]) -> [KeyRow] {
        guard !keys.isEmpty else { return [] }
        var places: [(position: PhysicalOffset, ordinal: UInt32)] = []
        places.reserveCapacity(runs.reduce(0) { $0 + $1.entries.count })
        for run in runs {
            for entry in run.entries {
                places.append((entry.position, UInt32(places.count)))
            }
        }
        places.sort { $0.position < $1.position }
        let rows = keys.compactMap { key -> KeyRow? in
            let index = Self.lowerBound(places.count) { places[$0].position < key.position }
            guard index < places.count, places[index].position == key.position else { return nil }
            return KeyRow(hash: key.hash, ordinal: places[index].ordinal)
        }
        return rows.sorted { ($0.hash, $0.ordinal) < ($1.hash, $1.ordinal) }
    }

    private static func lowerBound(_ count: Int, isBefore: (Int) -> Bool) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if isBefore(middle) { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

/// Goes from item to item over the checksums between the blocks.
private struct BlockCursor {
    private let itemBytes: Int
    private let itemsPerBlock: Int
    private var at: Int
    private var inBlock = 0

    init(_ blocks: SegmentIndexBlocks) {
        self.itemBytes = blocks.itemBytes
        self.itemsPerBlock = blocks.itemsPerBlock
        self.at = blocks.start
    }

    mutating func next() -> Int {
        if self.inBlock == self.itemsPerBlock {
            self.inBlock = 0
            self.at += SegmentIndexBlocks.checksumCount
        }
        defer {
            self.inBlock += 1
            self.at += self.itemBytes
        }
        return self.at
    }
}

extension SegmentIndexBlocks {
    /// Writes the checksum behind each block. The header is in place.
    fileprivate func seal(_ file: UnsafeMutableRawBufferPointer) {
        let headerChecksum = UnsafeRawBufferPointer(file).bigEndian(UInt32.self, at: 68)
        for block in 0..<self.blockCount {
            let range = self.bytes(ofBlock: block)
            let end = range.upperBound - Self.checksumCount
            let items = UnsafeRawBufferPointer(rebasing: file[range.lowerBound..<end])
            let checksum = self.checksum(items, ofBlock: block, headerChecksum: headerChecksum)
            file.store(bigEndian: checksum, at: end)
        }
    }
}
