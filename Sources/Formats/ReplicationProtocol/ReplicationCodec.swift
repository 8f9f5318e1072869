import MessageFormat

/// Why bytes are no replication message.
package enum ReplicationFormatError: Error, Hashable, Sendable {
    case truncated(bytes: Int, needed: Int)
    case unknownKind(UInt8)
    case unknownVersion(UInt8)
    case tooLong(field: String, count: Int, countMax: Int)
    case negative(field: String, value: Int64)
    case wrongValue(field: String, value: UInt64)
    case notUTF8(field: String)
    case trailingBytes(Int)
}

extension ReplicationFormatError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .truncated(let bytes, let needed):
            "a replication message ends too early: \(bytes) bytes left, \(needed) needed"
        case .unknownKind(let kind): "there is no replication message of kind \(kind)"
        case .unknownVersion(let version):
            "replication version \(version), this side speaks \(ReplicationMessage.version)"
        case .tooLong(let field, let count, let countMax):
            "\(field) has a length of \(count), at most \(countMax) is allowed"
        case .negative(let field, let value): "\(field) is never negative, got \(value)"
        case .wrongValue(let field, let value): "\(field) cannot be \(value)"
        case .notUTF8(let field): "\(field) is not UTF-8"
        case .trailingBytes(let count): "\(count) bytes behind the end of a replication message"
        }
    }
}

/// The bytes of a replication message. Big-endian; a text is its length (u16) and its UTF-8.
///
/// | at | bytes | field |
/// | --- | --- | --- |
/// | 0 | 1 | kind |
/// | 1 | 1 | version, 1 |
/// | 2 | | what the kind says, see `docs/formats/replication.md` |
extension ReplicationMessage {
    package static let version: UInt8 = 1
    package static let historyMax = 4_096
    package static let nameBytesMax = 255
    package static let remarkBytesMax = 1_024
    package static let batchBytesMax = LogBatchHeader.lengthMax

    enum Kind: UInt8 {
        case hello = 1
        case welcome, follow, batches, confirmed, ack, goodbye, rollCall, present, lend, lent
    }

    /// The message in two pieces, of which the second is the log's own bytes, not copied.
    ///
    /// Texts that are too long are cut; a longer history than allowed loses its oldest entries,
    /// which costs a replica that is so far behind a new start and nothing else.
    package var pieces: (head: [UInt8], body: [UInt8]) {
        var writer = ReplicationWriter()
        switch self {
        case .hello(let hello): writer.write(hello)
        case .welcome(let welcome): writer.write(welcome)
        case .follow(let from):
            writer.begin(.follow)
            writer.write(from)
        case .batches(let stretch):
            writer.write(headOf: stretch)
            return (writer.bytes, stretch.bytes)
        case .confirmed(let epoch, let confirmed):
            writer.begin(.confirmed)
            writer.write(epoch)
            writer.write(confirmed)
        case .ack(let epoch, let written, let durable):
            writer.begin(.ack)
            writer.write(epoch)
            writer.write(written)
            writer.write(durable)
        case .rollCall(let epoch, let number):
            writer.begin(.rollCall)
            writer.write(epoch)
            writer.bytes.append(bigEndian: number)
        case .present(let epoch, let number):
            writer.begin(.present)
            writer.write(epoch)
            writer.bytes.append(bigEndian: number)
        case .lend(let epoch, let range):
            writer.begin(.lend)
            writer.write(epoch)
            writer.write(range.lowerBound)
            writer.write(range.upperBound)
        case .lent(let stretch):
            writer.write(headOf: stretch)
            return (writer.bytes, stretch.bytes)
        case .goodbye(let epoch, let reason, let remark):
            writer.begin(.goodbye)
            writer.write(epoch)
            writer.bytes.append(reason.rawValue)
            writer.write(remark, bytesMax: Self.remarkBytesMax)
        }
        return (writer.bytes, [])
    }

    package var encoded: [UInt8] {
        let pieces = self.pieces
        return pieces.body.isEmpty ? pieces.head : pieces.head + pieces.body
    }

    package init(parsing bytes: [UInt8]) throws(ReplicationFormatError) {
        let parsed = bytes.withUnsafeBytes { bytes in
            Result { () throws(ReplicationFormatError) in try Self(parsing: bytes) }
        }
        self = try parsed.get()
    }

    /// Takes nothing of `bytes` but copies.
    package init(parsing bytes: UnsafeRawBufferPointer) throws(ReplicationFormatError) {
        var reader = ReplicationReader(bytes)
        let kind = try reader.integer(UInt8.self)
        let version = try reader.integer(UInt8.self)
        guard version == Self.version else { throw .unknownVersion(version) }
        switch Kind(rawValue: kind) {
        case .hello: self = .hello(try reader.hello())
        case .welcome: self = .welcome(try reader.welcome())
        case .follow: self = .follow(from: try reader.offset("from"))
        case .batches: self = .batches(try reader.stretch())
        case .confirmed:
            self = .confirmed(
                epoch: try reader.epoch(), confirmed: try reader.offset("confirmed"))
        case .ack:
            self = .ack(
                epoch: try reader.epoch(), written: try reader.offset("written"),
                durable: try reader.offset("durable"))
        case .rollCall:
            self = .rollCall(
                epoch: try reader.epoch(), number: try reader.integer(UInt64.self))
        case .present:
            self = .present(epoch: try reader.epoch(), number: try reader.integer(UInt64.self))
        case .lend: self = .lend(epoch: try reader.epoch(), try reader.range())
        case .lent: self = .lent(try reader.lentStretch())
        case .goodbye: self = try reader.goodbye()
        case nil: throw .unknownKind(kind)
        }
        try reader.end()
    }
}
