import MessageFormat

// The index files: whole, and of the very messages that the segments hold.
extension StoreCheck {
    private static var madeAnew: String {
        "the broker makes it anew from its segment; nothing is lost"
    }

    static func indexName(_ base: PhysicalOffset) -> String { "index/\(LogPaths.indexName(base))" }

    /// The index file of a segment when there is a sound one.
    mutating func openIndex(
        _ base: PhysicalOffset, isSealed: Bool, in store: LogStore
    ) -> SegmentIndexReader? {
        guard isSealed else { return nil }
        do {
            guard let reader = try store.openIndex(base) else { return nil }
            if reader.header.isPartial {
                self.report.found(
                    StoreDamage(
                        Self.indexName(base), "made from a damaged segment: messages are missing",
                        means: "the segment is damaged, or was when the file was made"))
            }
            return reader
        } catch {
            self.report.found(
                StoreDamage(Self.indexName(base), at: 0, "\(error)", means: Self.madeAnew))
            return nil
        }
    }

    /// Every block's checksum, and that the entries name the messages that were found.
    mutating func checkEntries(_ walk: SegmentWalk) {
        guard let index = walk.index else { return }
        let base = walk.facts.base
        var entries = EntrySum()
        do throws(SegmentIndexError) {
            try index.forEachEntry { ordinal, entry in
                entries.add(ordinal, entry.position, entry.size, entry.checksum)
            }
            try index.checkKeys()
        } catch {
            return self.report.found(
                StoreDamage(Self.indexName(base), "\(error)", means: Self.madeAnew))
        }
        guard !walk.isDamaged, !index.header.isPartial, entries != walk.entries else { return }
        self.report.found(
            StoreDamage(
                Self.indexName(base), "it names other messages than its segment holds",
                means: "messages are not found, or are answered with an error; delete the file: "
                    + "the broker makes it anew from its segment"))
    }

    /// Which index files are there, and which should be.
    mutating func checkIndexes(of store: LogStore, active: PhysicalOffset) {
        let names: [String]
        do throws(StorageError) {
            names = try Directory.names(in: self.paths.index)
        } catch {
            let isMissing = !Directory.exists(self.paths.index)
            return self.report.found(
                StoreDamage(
                    "index", isMissing ? "the directory is missing" : "\(error)",
                    means: Self.madeAnew))
        }
        let found = Set(names.compactMap { LogPaths.base(ofName: $0, suffix: ".index") })
        self.tellForeign(names, found, store, active: active)
        for segment in self.report.log?.segments.indices ?? 0..<0 {
            guard let base = self.report.log?.segments[segment].base else { continue }
            self.report.log?.segments[segment].hasIndex = found.contains(base)
            guard base < active, !found.contains(base) else { continue }
            // They are made in the order of their segments.
            if found.contains(where: { $0 > base }) {
                self.report.found(
                    StoreDamage(Self.indexName(base), Self.missing, means: Self.madeAnew))
            } else {
                self.report.note(
                    "\(Self.indexName(base)): not made yet, or lost; the broker makes it")
            }
        }
    }

    private mutating func tellForeign(
        _ names: [String], _ found: Set<PhysicalOffset>, _ store: LogStore, active: PhysicalOffset
    ) {
        for name in names where LogPaths.base(ofName: name, suffix: ".index") == nil {
            self.report.note(
                name.hasSuffix(Directory.temporarySuffix)
                    ? "index/\(name): left by a write that a crash cut off; it means nothing"
                    : "index/\(name): no index file; it was not looked at")
        }
        let bases = store.segmentBases
        for base in found.sorted() where !bases.contains(base) {
            // An index file goes before its segment does, whoever deletes them.
            self.report.found(StoreDamage(Self.name(base), Self.missing, means: Self.gap))
        }
        for base in found.sorted() where base >= active && bases.contains(base) {
            self.report.note(
                "\(Self.indexName(base)): of a segment that the log has not left; the next start "
                    + "deletes it")
        }
    }
}
