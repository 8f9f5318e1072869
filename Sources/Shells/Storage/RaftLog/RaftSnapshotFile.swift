import MessageFormat

/// The file `raft-snapshot`, always whole: it is replaced, never changed.
///
/// Magic `APRS`, format version, reserved, index, term, membership and content with their lengths
/// (the content's in 8 bytes), CRC-32C.
enum RaftSnapshotFile {
    static let fileName = "raft-snapshot"
    private static let magic = UInt32(0x4150_5253)
    private static let version = UInt16(1)

    static func replace(in directory: String, with snapshot: StoredSnapshot) throws(StorageError) {
        var bytes: [UInt8] = []
        bytes.append(bigEndian: Self.magic)
        bytes.append(bigEndian: Self.version)
        bytes.append(bigEndian: UInt16(0))
        bytes.append(bigEndian: snapshot.index)
        bytes.append(bigEndian: snapshot.term)
        bytes.append(counted: snapshot.membership)
        bytes.append(bigEndian: UInt64(snapshot.bytes.count))
        bytes += snapshot.bytes
        bytes.appendChecksum()
        try Directory.replace(Self.fileName, in: directory, with: bytes)
    }

    /// Nil when there is none yet.
    static func read(in directory: String) throws(RaftStoreError) -> StoredSnapshot? {
        let path = "\(directory)/\(Self.fileName)"
        guard Directory.exists(path) else { return nil }
        let bytes = try RaftStoreError.onDisk { () throws(StorageError) in
            try OpenFile(path, .read).readAll(bytesMax: .max)
        }
        guard bytes.hasValidChecksum else {
            throw .damaged(path: path, position: 0, reason: "wrong checksum")
        }
        var fields = RaftDiskBytes(bytes.dropLast(4))
        guard fields.integer(UInt32.self) == Self.magic,
            fields.integer(UInt16.self) == Self.version, fields.integer(UInt16.self) != nil,
            let index = fields.integer(UInt64.self), let term = fields.integer(UInt64.self),
            let membership = fields.counted(), let count = fields.integer(UInt64.self),
            let content = Int(exactly: count).flatMap({ fields.take($0) }), fields.isAtEnd
        else { throw .damaged(path: path, position: 0, reason: "no snapshot of format version 1") }
        return StoredSnapshot(
            index: index, term: term, membership: membership, bytes: Array(content))
    }
}
