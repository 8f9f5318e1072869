package import MessageFormat

extension LogStore {
    /// Fills `buffer` with `count` bytes from `position` on, which lie in one segment.
    package func read(
        position: PhysicalOffset, count: Int, into buffer: UnsafeMutableRawBufferPointer
    ) throws(StorageError) {
        let offset = self.offsetInSegment(position)
        guard position >= .zero, count > 0, count <= buffer.count,
            count <= self.segmentBytes - offset
        else {
            throw .outOfSegment(
                position: position, count: count, segmentBytes: self.segmentBytes)
        }
        let file = try self.openSegments.file(self.base(of: position))
        let target = UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
        let found = try file.read(into: target, at: offset)
        guard found == count else {
            throw .shortRead(path: file.path, position: position, bytes: found, needed: count)
        }
    }

    /// Reads the messages that `entries` point to, one behind the other from the start of `buffer`,
    /// and checks each against its entry's checksum.
    ///
    /// `buffer` has room for the sum of their sizes. Stops before the first damaged one; what lies
    /// before it is good. Messages that are neighbours on disk are read together.
    package func readMessages(
        _ entries: some Collection<IndexEntry>, into buffer: UnsafeMutableRawBufferPointer
    ) -> MessagesRead {
        var result = MessagesRead()
        var next = entries.startIndex
        while next != entries.endIndex {
            let run = NeighbourRun(entries, from: next)
            next = run.range.upperBound
            let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[result.bytes...])
            self.readRun(entries[run.range], bytes: run.bytes, into: rest, result: &result)
            guard result.damage == nil else { break }
        }
        return result
    }

    /// The same for messages of one queue: each must also say itself that it belongs there.
    package func readMessages(
        _ entries: [IndexEntry], of stretch: QueueStretch,
        into buffer: UnsafeMutableRawBufferPointer
    ) -> MessagesRead {
        var result = self.readMessages(entries, into: buffer)
        let own = stretch.own(in: UnsafeRawBufferPointer(buffer).slice(0..<result.bytes))
        guard own.count < result.count else { return result }
        result.damage = MessageDamage(entry: entries[own.count], cause: .anotherMessage)
        (result.count, result.bytes) = own
        return result
    }

    /// Reads one message, checked.
    package func readMessage(_ entry: IndexEntry) throws(MessageDamage) -> [UInt8] {
        guard entry.size <= self.segmentBytes else {
            throw MessageDamage(
                entry: entry,
                cause: .unreadable(
                    .outOfSegment(
                        position: entry.position, count: Int(entry.size),
                        segmentBytes: self.segmentBytes)))
        }
        var bytes = [UInt8](repeating: 0, count: Int(entry.size))
        let read = bytes.withUnsafeMutableBytes {
            self.readMessages(CollectionOfOne(entry), into: $0)
        }
        if let damage = read.damage { throw damage }
        return bytes
    }

    private func readRun(
        _ entries: some Collection<IndexEntry>, bytes: Int,
        into buffer: UnsafeMutableRawBufferPointer, result: inout MessagesRead
    ) {
        guard let first = entries.first else { return }
        do throws(StorageError) {
            try self.read(position: first.position, count: bytes, into: buffer)
        } catch {
            // One bad place must not hide the good messages before it.
            if entries.count == 1 {
                result.damage = MessageDamage(entry: first, cause: .unreadable(error))
            } else {
                self.readSingly(entries, into: buffer, result: &result)
            }
            return
        }
        self.check(entries, in: UnsafeRawBufferPointer(buffer), result: &result)
    }

    private func readSingly(
        _ entries: some Collection<IndexEntry>, into buffer: UnsafeMutableRawBufferPointer,
        result: inout MessagesRead
    ) {
        var at = 0
        for entry in entries {
            let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[at...])
            self.readRun(
                CollectionOfOne(entry), bytes: Int(entry.size), into: rest, result: &result)
            guard result.damage == nil else { return }
            at += Int(entry.size)
        }
    }

    private func check(
        _ entries: some Collection<IndexEntry>, in bytes: UnsafeRawBufferPointer,
        result: inout MessagesRead
    ) {
        var at = 0
        for entry in entries {
            let end = at + Int(entry.size)
            let found = Checksum.crc32c(bytes.slice(at..<end))
            #if APUS_SABOTAGE
                let isBelieved = Sabotage.checksumOff.isOn
            #else
                let isBelieved = false
            #endif
            guard isBelieved || found == entry.checksum else {
                result.damage = MessageDamage(
                    entry: entry, cause: .checksum(expected: entry.checksum, found: found))
                return
            }
            result.count += 1
            result.bytes += Int(entry.size)
            at = end
        }
    }
}

/// Entries whose messages lie one behind the other in the log.
private struct NeighbourRun<Entries: Collection<IndexEntry>> {
    let range: Range<Entries.Index>
    private(set) var bytes = 0

    /// Positions come from index files: they may be anything, and are held against the segment when
    /// the run is read.
    init(_ entries: Entries, from start: Entries.Index) {
        var end = start
        var position = entries[start].position.bytes
        while end != entries.endIndex, entries[end].position.bytes == position {
            self.bytes += Int(entries[end].size)
            position &+= Int64(entries[end].size)
            entries.formIndex(after: &end)
        }
        self.range = start..<end
    }
}
