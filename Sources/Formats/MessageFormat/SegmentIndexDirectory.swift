/// The directory of an index file: which queue has which entries.
enum SegmentIndexDirectory {
    /// Checks and reads all rows. Lengths come from the disk: each is held against the end.
    static func parse(
        _ bytes: UnsafeRawBufferPointer, header: SegmentIndexHeader
    ) throws(SegmentIndexError) -> [SegmentIndexPlace] {
        guard Checksum.crc32c(bytes) == header.directoryChecksum else {
            throw .wrongChecksum(part: "directory")
        }
        var places: [SegmentIndexPlace] = []
        var (at, ordinal) = (0, 0)
        while at < bytes.count {
            let row = try Self.row(bytes, at: at, ordinal: ordinal)
            places.append(row.place)
            at = row.end
            ordinal = row.place.ordinals.upperBound
        }
        guard places.count == header.runCount, ordinal == header.entryCount else {
            throw .wrongDirectory(
                "\(places.count) runs of \(ordinal) entries, the header says "
                    + "\(header.runCount) of \(header.entryCount)")
        }
        return places
    }

    private static func row(
        _ bytes: UnsafeRawBufferPointer, at: Int, ordinal: Int
    ) throws(SegmentIndexError) -> (place: SegmentIndexPlace, end: Int) {
        guard at + 2 <= bytes.count else { throw .wrongDirectory("a row is cut off") }
        let topicEnd = at + 2 + Int(bytes.bigEndian(UInt16.self, at: at))
        guard topicEnd + 16 <= bytes.count else { throw .wrongDirectory("a row is cut off") }
        let topic = String(decoding: bytes[(at + 2)..<topicEnd], as: UTF8.self)
        let count = Int(bytes.bigEndian(UInt32.self, at: topicEnd + 12))
        let place = SegmentIndexPlace(
            key: QueueKey(topic: topic, queueID: bytes.bigEndian(Int32.self, at: topicEnd)),
            first: QueueOffset(bytes.bigEndian(Int64.self, at: topicEnd + 4)),
            ordinals: ordinal..<(ordinal + count))
        return (place, topicEnd + 16)
    }
}
