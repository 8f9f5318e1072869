// Reading all of an index file, to know whether it is sound.
extension SegmentIndexReader {
    /// Hands out every entry with its number.
    package func forEachEntry(
        _ body: (_ ordinal: Int, IndexEntry) -> Void
    ) throws(SegmentIndexError) {
        try self.forEachBlock(of: self.header.entryBlocks) { items, bytes in
            for ordinal in items {
                let at = (ordinal - items.lowerBound) * IndexEntry.count
                body(ordinal, IndexEntry(parsing: bytes, at: at))
            }
        }
    }

    /// Reads all blocks of keys.
    package func checkKeys() throws(SegmentIndexError) {
        try self.forEachBlock(of: self.header.keyBlocks) { _, _ in }
    }

    private func forEachBlock(
        of blocks: SegmentIndexBlocks, _ body: (Range<Int>, UnsafeRawBufferPointer) -> Void
    ) throws(SegmentIndexError) {
        let blocksPerRead = 64
        for first in stride(from: 0, to: blocks.blockCount, by: blocksPerRead) {
            let last = min(first + blocksPerRead, blocks.blockCount) - 1
            try self.readBlocks(first...last, of: blocks, body)
        }
    }
}

extension SegmentIndexHeader {
    /// Behind the segment's last batch; nil when whoever made the file did not know.
    package func knownEnd(segmentBytes: Int) -> PhysicalOffset? {
        self.end < self.base.advanced(by: segmentBytes) ? self.end : nil
    }
}
