import MessageFormat

/// Why bytes are no message, entry or snapshot.
package struct RaftCodingError: Error, Hashable, Sendable, CustomStringConvertible {
    package var description: String

    init(_ description: String) { self.description = description }
}

/// Puts the values of this module into bytes.
struct RaftBytesWriter {
    private(set) var bytes: [UInt8] = []

    mutating func write(_ value: some FixedWidthInteger) { self.bytes.append(bigEndian: value) }
    mutating func write(_ value: Bool) { self.bytes.append(value ? 1 : 0) }

    mutating func write(_ value: [UInt8]) {
        self.write(UInt32(value.count))
        self.bytes += value
    }

    mutating func write(_ node: NodeID) {
        let name = node.value.utf8.prefix(NodeID.bytesMax)
        self.write(UInt8(name.count))
        self.bytes += name
    }

    mutating func write(_ position: LogPosition) {
        self.write(position.index.value)
        self.write(position.term.value)
    }

    mutating func write(_ membership: Membership) {
        self.write(UInt8(membership.voters.count))
        for node in membership.voters { self.write(node) }
        self.write(UInt8(membership.learners.count))
        for node in membership.learners { self.write(node) }
    }
}

/// Takes them out again. Nothing is believed: every length is checked against what is there.
struct RaftBytesReader {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func readUInt8() throws(RaftCodingError) -> UInt8 { try self.readInteger() }
    mutating func readUInt32() throws(RaftCodingError) -> UInt32 { try self.readInteger() }
    mutating func readUInt64() throws(RaftCodingError) -> UInt64 { try self.readInteger() }

    mutating func readBool() throws(RaftCodingError) -> Bool {
        switch try self.readUInt8() {
        case 0: return false
        case 1: return true
        case let other: throw RaftCodingError("\(other) is neither yes nor no")
        }
    }

    mutating func readBytes() throws(RaftCodingError) -> [UInt8] {
        Array(try self.take(Int(try self.readUInt32())))
    }

    mutating func readNodeID() throws(RaftCodingError) -> NodeID {
        let count = Int(try self.readUInt8())
        guard (1...NodeID.bytesMax).contains(count) else {
            throw RaftCodingError("a node's name of \(count) bytes")
        }
        guard let name = String(validating: try self.take(count), as: UTF8.self) else {
            throw RaftCodingError("a node's name is not UTF-8")
        }
        return NodeID(name)
    }

    mutating func readPosition() throws(RaftCodingError) -> LogPosition {
        LogPosition(index: LogIndex(try self.readUInt64()), term: Term(try self.readUInt64()))
    }

    mutating func readMembership() throws(RaftCodingError) -> Membership {
        let voters = try self.readNodes()
        let learners = try self.readNodes()
        guard !voters.isEmpty else { throw RaftCodingError("a group without voters") }
        let membership = Membership(voters: voters, learners: learners)
        guard membership.voters == voters, membership.learners == learners else {
            throw RaftCodingError("the nodes of a group are not in order, or one is there twice")
        }
        return membership
    }

    func end() throws(RaftCodingError) {
        guard self.position == self.bytes.count else {
            throw RaftCodingError("\(self.bytes.count - self.position) bytes too many")
        }
    }

    private mutating func readNodes() throws(RaftCodingError) -> [NodeID] {
        let count = Int(try self.readUInt8())
        guard count <= Membership.nodesMax else { throw RaftCodingError("\(count) members") }
        var nodes: [NodeID] = []
        for _ in 0..<count { nodes.append(try self.readNodeID()) }
        return nodes
    }

    private mutating func readInteger<T: FixedWidthInteger>() throws(RaftCodingError) -> T {
        try self.take(MemoryLayout<T>.size).reduce(0) { $0 << 8 | T($1) }
    }

    private mutating func take(_ count: Int) throws(RaftCodingError) -> ArraySlice<UInt8> {
        guard count <= self.bytes.count - self.position else {
            throw RaftCodingError("\(count) bytes wanted, \(self.bytes.count - self.position) left")
        }
        defer { self.position += count }
        return self.bytes[self.position..<(self.position + count)]
    }
}
