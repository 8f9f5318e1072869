import MessageFormat

/// Whose log a directory holds: a member's votes count for that member of that group only.
///
/// Magic `APRI`, format version, reserved; group and node, each with its length; CRC-32C.
package struct RaftIdentity: Hashable, Sendable {
    static let fileName = "raft-identity"
    private static let magic = UInt32(0x4150_5249)
    private static let version = UInt16(1)
    private static let bytesMax = 4_096

    package var group: String
    package var node: String

    package init(group: String, node: String) {
        self.group = group
        self.node = node
    }

    var encoded: [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(bigEndian: Self.magic)
        bytes.append(bigEndian: Self.version)
        bytes.append(bigEndian: UInt16(0))
        bytes.append(counted: self.group.utf8)
        bytes.append(counted: self.node.utf8)
        bytes.appendChecksum()
        return bytes
    }

    static func read(_ path: String) throws(RaftStoreError) -> Self {
        let bytes = try RaftStoreError.onDisk { () throws(StorageError) in
            try OpenFile(path, .read).readAll(bytesMax: Self.bytesMax)
        }
        guard bytes.hasValidChecksum else {
            throw .damaged(path: path, position: 0, reason: "wrong checksum")
        }
        var fields = RaftDiskBytes(bytes.dropLast(4))
        guard fields.integer(UInt32.self) == Self.magic,
            fields.integer(UInt16.self) == Self.version, fields.integer(UInt16.self) != nil,
            let group = fields.counted(), let node = fields.counted(), fields.isAtEnd
        else { throw .damaged(path: path, position: 0, reason: "no identity of format version 1") }
        return Self(
            group: String(decoding: group, as: UTF8.self),
            node: String(decoding: node, as: UTF8.self))
    }

    /// Refuses a directory that is another's.
    func check(against found: Self, path: String) throws(RaftStoreError) {
        guard found.group == self.group else {
            throw .foreign(
                path: path, reason: "group '\(found.group)', this controller is of '\(self.group)'")
        }
        guard found.node == self.node else {
            throw .foreign(
                path: path, reason: "member '\(found.node)', this controller is '\(self.node)'")
        }
    }
}
