package import MessageFormat

extension LogStore {
    /// Puts the index file of a sealed segment in place, durably and at once.
    ///
    /// `image` is what `SegmentIndexImage.encode` made.
    package func writeIndex(_ base: PhysicalOffset, image: [UInt8]) throws(StorageError) {
        try Directory.replace(LogPaths.indexName(base), in: self.paths.index, with: image)
    }

    /// Opens the index file of the segment at `base`; nil when there is none.
    ///
    /// The reader stays good after the file was deleted or replaced, and is safe on any thread.
    package func openIndex(_ base: PhysicalOffset) throws(StorageError) -> SegmentIndexReader? {
        let path = self.paths.index(base)
        guard Directory.exists(path) else { return nil }
        let file = try OpenFile(path, .read)
        let bytes = try file.status().bytes
        do throws(SegmentIndexError) {
            return try SegmentIndexReader(
                base: base, logID: self.logID, fileBytes: bytes
            ) { offset, buffer throws(SegmentIndexError) in
                try file.readIndex(into: buffer, at: offset)
            }
        } catch {
            throw .damagedIndex(path: path, error)
        }
    }

    /// Why the index file of the segment at `base` is of no use, all of it read; nil: it is whole.
    package func indexDamage(_ base: PhysicalOffset) -> String? {
        do {
            guard let reader = try self.openIndex(base) else { return "it is missing" }
            try reader.forEachEntry { _, _ in }
            try reader.checkKeys()
            return nil
        } catch {
            return "\(error)"
        }
    }

    /// Deletes the index file of the segment at `base`, if there is one.
    package func deleteIndex(_ base: PhysicalOffset) throws(StorageError) {
        try self.deleteIndexes([base])
    }

    func deleteIndexes(_ bases: [PhysicalOffset]) throws(StorageError) {
        let paths = bases.map { self.paths.index($0) }.filter { Directory.exists($0) }
        guard !paths.isEmpty else { return }
        for path in paths { try Directory.delete(path) }
        try Directory.flush(self.paths.index)
    }

    /// Index files whose segment is gone, and left-overs of writes that a crash cut off.
    func deleteOrphanedIndexes() throws(StorageError) {
        let bases = Set(self.segmentBases)
        for name in try Directory.names(in: self.paths.index) {
            let base = LogPaths.base(ofName: name, suffix: ".index")
            let isOrphan = base.map { !bases.contains($0) } ?? false
            if isOrphan || name.hasSuffix(Directory.temporarySuffix) {
                try Directory.delete("\(self.paths.index)/\(name)")
            }
        }
    }
}

extension OpenFile {
    fileprivate func readIndex(
        into buffer: UnsafeMutableRawBufferPointer, at offset: Int
    ) throws(SegmentIndexError) {
        let count: Int
        do throws(StorageError) {
            count = try self.read(into: buffer, at: offset)
        } catch {
            throw .unreadable(error.description)
        }
        guard count == buffer.count else { throw .unreadable("the file has become shorter") }
    }
}
