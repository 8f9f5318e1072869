/// One gathered write of the log: a header and the records that were gathered behind it
/// (`docs/formats/log.md`).
///
/// The header repeats the batch's own position, so that bytes which a disk put in the wrong place
/// are noticed, and a checksum over everything behind the checksum itself, so that torn, stale
/// and rotten bytes are. Records are messages in the wire's layout and state records; both start
/// with their size and a magic word. Big-endian.
///
/// | at | bytes | field |
/// | --- | --- | --- |
/// | 0 | 4 | magic `APB1` |
/// | 4 | 4 | CRC-32C of bytes 8 to the end of the batch |
/// | 8 | 4 | length of the batch, header included, padding not |
/// | 12 | 2 | format version, 1 |
/// | 14 | 2 | reserved, 0 |
/// | 16 | 8 | physical offset of the batch's first byte |
/// | 24 | 4 | epoch of the master that made it |
/// | 28 | 4 | number of records |
/// | 32 | 8 | store timestamp, ms since 1970 |
/// | 40 | 8 | identity of the log (random, drawn when the log was made) |
/// | 48 | | records |
package struct LogBatchHeader: Hashable, Sendable {
    package static let magic = UInt32(0x4150_4231)
    package static let version = UInt16(1)
    package static let count = 48
    /// Batches start at multiples of this; what is left between them is zero.
    package static let alignment = 16

    package var length: Int
    package var position: PhysicalOffset
    package var epoch: Epoch
    package var records: Int
    package var storeTimestamp: Timestamp
    package var logID: UInt64

    package init(
        length: Int, position: PhysicalOffset, epoch: Epoch, records: Int,
        storeTimestamp: Timestamp, logID: UInt64
    ) {
        self.length = length
        self.position = position
        self.epoch = epoch
        self.records = records
        self.storeTimestamp = storeTimestamp
        self.logID = logID
    }

    /// Bytes from this batch's start to the next one's.
    package var paddedLength: Int { Self.padded(self.length) }

    package static func padded(_ length: Int) -> Int {
        (length + Self.alignment - 1) & ~(Self.alignment - 1)
    }
}

/// Why bytes are not a batch of this log at this position.
package enum LogBatchError: Error, Hashable {
    /// The bytes are zero: nothing was written here.
    case empty
    case truncated(bytes: Int, needed: Int)
    case wrongMagic(UInt32)
    case wrongVersion(UInt16)
    case wrongLength(Int)
    case wrongPosition(found: PhysicalOffset, expected: PhysicalOffset)
    case wrongLog(found: UInt64, expected: UInt64)
    case wrongChecksum
}

extension LogBatchHeader {
    /// Longest batch that is ever written or accepted.
    package static let lengthMax = 16 << 20

    /// Reads the fields that lie at the start of `bytes`; the checksum is not looked at.
    package init(
        parsing bytes: UnsafeRawBufferPointer, at position: PhysicalOffset, logID: UInt64
    ) throws(LogBatchError) {
        guard bytes.count >= Self.count else {
            throw .truncated(bytes: bytes.count, needed: Self.count)
        }
        let magic = bytes.bigEndian(UInt32.self, at: 0)
        guard magic == Self.magic else {
            throw bytes[..<Self.count].allSatisfy { $0 == 0 } ? .empty : .wrongMagic(magic)
        }
        let version = bytes.bigEndian(UInt16.self, at: 12)
        guard version == Self.version else { throw .wrongVersion(version) }
        let length = Int(bytes.bigEndian(UInt32.self, at: 8))
        #if APUS_SABOTAGE
            let isBelieved = Sabotage.lengthUnchecked.isOn
        #else
            let isBelieved = false
        #endif
        guard isBelieved || (length >= Self.count && length <= Self.lengthMax) else {
            throw .wrongLength(length)
        }
        let found = PhysicalOffset(bytes.bigEndian(Int64.self, at: 16))
        guard found == position else { throw .wrongPosition(found: found, expected: position) }
        let foundLog = bytes.bigEndian(UInt64.self, at: 40)
        guard foundLog == logID else { throw .wrongLog(found: foundLog, expected: logID) }
        self.init(
            length: length, position: position,
            epoch: Epoch(bytes.bigEndian(UInt32.self, at: 24)),
            records: Int(bytes.bigEndian(UInt32.self, at: 28)),
            storeTimestamp: Timestamp(milliseconds: bytes.bigEndian(Int64.self, at: 32)),
            logID: foundLog)
    }

    /// Reads and checks the whole batch at the start of `bytes`, checksum included.
    package init(
        checking bytes: UnsafeRawBufferPointer, at position: PhysicalOffset, logID: UInt64
    ) throws(LogBatchError) {
        try self.init(parsing: bytes, at: position, logID: logID)
        #if APUS_SABOTAGE
            let isBelieved = Sabotage.lengthUnchecked.isOn
        #else
            let isBelieved = false
        #endif
        guard isBelieved || bytes.count >= self.length else {
            throw .truncated(bytes: bytes.count, needed: self.length)
        }
        #if APUS_SABOTAGE
            if Sabotage.checksumOff.isOn { return }
        #endif
        let stored = bytes.bigEndian(UInt32.self, at: 4)
        guard Checksum.crc32c(bytes.slice(8..<self.length)) == stored else { throw .wrongChecksum }
    }

    /// Writes the header over the first bytes of a batch whose records are in place.
    package func seal(_ batch: UnsafeMutableRawBufferPointer) {
        batch.store(bigEndian: Self.magic, at: 0)
        batch.store(bigEndian: UInt32(self.length), at: 8)
        batch.store(bigEndian: Self.version, at: 12)
        batch.store(bigEndian: UInt16(0), at: 14)
        batch.store(bigEndian: self.position.bytes, at: 16)
        batch.store(bigEndian: self.epoch.value, at: 24)
        batch.store(bigEndian: UInt32(self.records), at: 28)
        batch.store(bigEndian: self.storeTimestamp.milliseconds, at: 32)
        batch.store(bigEndian: self.logID, at: 40)
        let checked = UnsafeRawBufferPointer(rebasing: batch[8..<self.length])
        batch.store(bigEndian: Checksum.crc32c(checked), at: 4)
    }
}

/// A record of the log that is not a message: a change of what the broker knows.
///
/// | at | bytes | field |
/// | --- | --- | --- |
/// | 0 | 4 | size, these bytes included |
/// | 4 | 4 | magic `APSR` |
/// | 8 | 2 | kind |
/// | 10 | | payload |
package struct StateRecord: Hashable, Sendable {
    package static let magic = UInt32(0x4150_5352)
    package static let headerCount = 10

    /// What the payload says; the numbers belong to the one who writes them (the broker engine).
    package var kind: UInt16
    package var payload: [UInt8]

    package init(kind: UInt16, payload: [UInt8]) {
        self.kind = kind
        self.payload = payload
    }

    package func append(to bytes: inout [UInt8]) {
        bytes.append(bigEndian: UInt32(Self.headerCount + self.payload.count))
        bytes.append(bigEndian: Self.magic)
        bytes.append(bigEndian: self.kind)
        bytes.append(contentsOf: self.payload)
    }
}

/// One record of a batch, borrowed from its bytes.
package enum LogRecord {
    /// A message and where it starts.
    case message(StoredMessageView, at: PhysicalOffset)
    case state(kind: UInt16, payload: UnsafeRawBufferPointer, at: PhysicalOffset)

    /// Calls `body` for each record of a checked batch, in order.
    package static func forEach(
        in batch: UnsafeRawBufferPointer, of header: LogBatchHeader,
        _ body: (LogRecord) throws -> Void
    ) throws {
        var at = LogBatchHeader.count
        for _ in 0..<header.records {
            guard at + 8 <= header.length else {
                throw MessageFormatError.truncated(bytes: header.length - at, needed: 8)
            }
            let size = Int(batch.bigEndian(UInt32.self, at: at))
            guard size >= StateRecord.headerCount, at + size <= header.length else {
                throw MessageFormatError.wrongLength(field: "record", value: size)
            }
            let bytes = batch.slice(at..<(at + size))
            let place = header.position.advanced(by: at)
            if bytes.bigEndian(UInt32.self, at: 4) == StateRecord.magic {
                let kind = bytes.bigEndian(UInt16.self, at: 8)
                try body(
                    .state(
                        kind: kind, payload: bytes.slice(StateRecord.headerCount..<size), at: place)
                )
            } else {
                try body(.message(try StoredMessageView(bytes), at: place))
            }
            at += size
        }
    }
}

/// Where one message lies and what is needed to filter, time and check it without reading it.
package struct IndexEntry: Hashable, Sendable {
    /// Bytes of an entry on disk.
    package static let count = 28

    package var position: PhysicalOffset
    package var size: UInt32
    /// CRC-32C of the message's bytes, checked whenever they are read.
    package var checksum: UInt32
    package var tagHash: Int32
    package var storeTimestamp: Timestamp

    package init(
        position: PhysicalOffset, size: UInt32, checksum: UInt32, tagHash: Int32,
        storeTimestamp: Timestamp
    ) {
        self.position = position
        self.size = size
        self.checksum = checksum
        self.tagHash = tagHash
        self.storeTimestamp = storeTimestamp
    }
}
