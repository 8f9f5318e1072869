internal import MessageFormat

// message: topic | destination | flag i32 | systemFlag i32 | born i64 | properties | body.
// Texts and bytes have their length in four bytes in front.
extension SpoolRecord {
    var payload: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(self.payloadCount)
        switch self {
        case .message(let message): message.write(to: &bytes)
        case .done(let sequences): for sequence in sequences { bytes.append(bigEndian: sequence) }
        }
        return bytes
    }

    var payloadCount: Int {
        switch self {
        case .message(let message): message.payloadCount
        case .done(let sequences): sequences.count * 8
        }
    }

    init(
        _ payload: UnsafeRawBufferPointer, _ header: SpoolRecordHeader
    ) throws(SpoolRecordError) {
        var reader = SpoolReader(bytes: payload)
        switch header.kind {
        case 1: self = .message(try SpooledMessage(from: &reader, sequence: header.sequence))
        case 2:
            var sequences: [UInt64] = []
            while !reader.isAtEnd { sequences.append(try reader.integer("sequence")) }
            self = .done(sequences)
        default: throw .illegalValue(field: "kind")
        }
        guard reader.isAtEnd else { throw .illegalValue(field: "payload") }
    }
}

extension SpooledMessage {
    fileprivate var payloadCount: Int {
        let destination =
            switch self.destination {
            case .anyQueue: 1
            case .shardingKey(let key): 5 + key.utf8.count
            case .queue(let brokerName, _): 9 + brokerName.utf8.count
            }
        return 28 + self.topic.utf8.count + destination + self.properties.utf8.count
            + self.body.count
    }

    fileprivate func write(to bytes: inout [UInt8]) {
        bytes.append(counted: self.topic.utf8)
        switch self.destination {
        case .anyQueue: bytes.append(0)
        case .shardingKey(let key):
            bytes.append(1)
            bytes.append(counted: key.utf8)
        case .queue(let brokerName, let queueID):
            bytes.append(2)
            bytes.append(counted: brokerName.utf8)
            bytes.append(bigEndian: queueID)
        }
        bytes.append(bigEndian: self.flag)
        bytes.append(bigEndian: self.systemFlag)
        bytes.append(bigEndian: self.bornTimestamp.milliseconds)
        bytes.append(counted: self.properties.utf8)
        bytes.append(counted: self.body)
    }

    fileprivate init(
        from reader: inout SpoolReader, sequence: UInt64
    ) throws(SpoolRecordError) {
        let topic = try reader.text("topic")
        let destination: Destination
        switch try reader.integer("destination") as UInt8 {
        case 0: destination = .anyQueue
        case 1: destination = .shardingKey(try reader.text("sharding key"))
        case 2:
            destination = .queue(
                brokerName: try reader.text("broker name"), queueID: try reader.integer("queue"))
        default: throw .illegalValue(field: "destination")
        }
        self.init(
            sequence: sequence, topic: topic, destination: destination,
            flag: try reader.integer("flag"), systemFlag: try reader.integer("system flag"),
            bornTimestamp: Timestamp(milliseconds: try reader.integer("born")),
            properties: try reader.text("properties"), body: Array(try reader.bytes("body")))
    }
}

/// Reads a payload. Its checksum holds, but who wrote it may have been another version.
private struct SpoolReader {
    let bytes: UnsafeRawBufferPointer
    private var at = 0

    init(bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    var isAtEnd: Bool { self.at == self.bytes.count }

    mutating func integer<T: FixedWidthInteger>(_ field: String) throws(SpoolRecordError) -> T {
        guard self.bytes.count - self.at >= MemoryLayout<T>.size else {
            throw .illegalValue(field: field)
        }
        defer { self.at += MemoryLayout<T>.size }
        return self.bytes.bigEndian(T.self, at: self.at)
    }

    mutating func bytes(_ field: String) throws(SpoolRecordError) -> UnsafeRawBufferPointer {
        let count = Int(try self.integer(field) as UInt32)
        guard self.bytes.count - self.at >= count else { throw .illegalValue(field: field) }
        defer { self.at += count }
        return self.bytes.slice(self.at..<(self.at + count))
    }

    mutating func text(_ field: String) throws(SpoolRecordError) -> String {
        guard let text = String(validating: try self.bytes(field), as: UTF8.self) else {
            throw .illegalValue(field: field)
        }
        return text
    }
}

extension [UInt8] {
    fileprivate mutating func append(counted bytes: some Collection<UInt8>) {
        self.append(bigEndian: UInt32(bytes.count))
        self.append(contentsOf: bytes)
    }
}
