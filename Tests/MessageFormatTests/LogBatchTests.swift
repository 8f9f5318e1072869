import MessageFormat
import Testing

@Suite("Batches of the log")
struct LogBatchTests {
    private static let position = PhysicalOffset(4096)
    private static let logID: UInt64 = 0xA905_0000_0000_0001

    /// A sealed batch: one message, one state record, one message.
    private static func batch(records: Int = 3) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: LogBatchHeader.count)
        SampleMessage().append(to: &bytes)
        StateRecord(kind: 7, payload: [1, 2, 3]).append(to: &bytes)
        SampleMessage(body: []).append(to: &bytes)
        return Self.sealed(bytes, records: records)
    }

    private static func sealed(_ bytes: [UInt8], records: Int) -> [UInt8] {
        var bytes = bytes
        let header = LogBatchHeader(
            length: bytes.count, position: Self.position, epoch: Epoch(5), records: records,
            storeTimestamp: Timestamp(milliseconds: 1_700_000_000_000), logID: Self.logID)
        bytes.withUnsafeMutableBytes { header.seal($0) }
        return bytes
    }

    private static func check(
        _ bytes: [UInt8], at position: PhysicalOffset = Self.position, logID: UInt64 = Self.logID
    ) throws(LogBatchError) -> LogBatchHeader {
        let result = bytes.withUnsafeBytes { bytes in
            Result { () throws(LogBatchError) -> LogBatchHeader in
                try LogBatchHeader(checking: bytes, at: position, logID: logID)
            }
        }
        return try result.get()
    }

    private static func setting<T: FixedWidthInteger>(_ value: T, at offset: Int) -> [UInt8] {
        var bytes = Self.batch()
        bytes.withUnsafeMutableBytes { $0.store(bigEndian: value, at: offset) }
        return bytes
    }

    @Test("what is sealed is what is checked, with anything behind it")
    func roundTrip() throws {
        let batch = Self.batch()
        let header = try Self.check(batch)
        #expect(header.length == batch.count)
        #expect(header.position == Self.position)
        #expect(header.epoch == Epoch(5))
        #expect(header.records == 3)
        #expect(header.storeTimestamp.milliseconds == 1_700_000_000_000)
        #expect(header.logID == Self.logID)
        #expect(header.paddedLength.isMultiple(of: LogBatchHeader.alignment))
        #expect(header.paddedLength - batch.count < LogBatchHeader.alignment)
        #expect(try Self.check(batch + [UInt8](repeating: 0xFF, count: 100)) == header)
    }

    @Test("each kind of damage has its own name")
    func kindsOfDamage() {
        let batch = Self.batch()
        let zeros = [UInt8](repeating: 0, count: 64)
        #expect(throws: LogBatchError.empty) { try Self.check(zeros) }
        #expect(throws: LogBatchError.wrongMagic(1)) {
            try Self.check(Self.setting(1 as UInt32, at: 0))
        }
        #expect(throws: LogBatchError.wrongMagic(0)) {
            try Self.check(Self.setting(0 as UInt32, at: 0))
        }
        #expect(throws: LogBatchError.wrongVersion(2)) {
            try Self.check(Self.setting(2 as UInt16, at: 12))
        }
        let far = PhysicalOffset(8192)
        #expect(throws: LogBatchError.wrongPosition(found: Self.position, expected: far)) {
            try Self.check(batch, at: far)
        }
        #expect(throws: LogBatchError.wrongLog(found: Self.logID, expected: 9)) {
            try Self.check(batch, logID: 9)
        }
        #expect(throws: LogBatchError.truncated(bytes: 47, needed: 48)) {
            try Self.check(Array(batch[..<47]))
        }
        #expect(throws: LogBatchError.truncated(bytes: batch.count - 1, needed: batch.count)) {
            try Self.check(batch.dropLast())
        }
        #expect(throws: LogBatchError.wrongChecksum) {
            try Self.check(Self.setting(0 as UInt32, at: 4))
        }
        // The position itself is rotten.
        #expect(throws: LogBatchError.wrongPosition(found: .zero, expected: Self.position)) {
            try Self.check(Self.setting(0 as Int64, at: 16))
        }
    }

    @Test(
        "an impossible length is refused",
        arguments: [0, 1, 47, (16 << 20) + 1, 0x7FFF_FFFF, 0x8000_0000, .max] as [UInt32])
    func impossibleLengths(length: UInt32) {
        #expect(throws: LogBatchError.wrongLength(Int(length))) {
            try Self.check(Self.setting(length, at: 8))
        }
    }

    @Test("a length that is possible but wrong fails the checksum or lacks bytes")
    func wrongLengths() {
        let batch = Self.batch()
        for length in [48, 49, batch.count - 1] {
            #expect(throws: LogBatchError.wrongChecksum) {
                try Self.check(Self.setting(UInt32(length), at: 8))
            }
        }
        #expect(throws: LogBatchError.truncated(bytes: batch.count, needed: batch.count + 1)) {
            try Self.check(Self.setting(UInt32(batch.count + 1), at: 8))
        }
    }

    @Test("no single flipped bit passes")
    func everyBit() {
        var batch = Self.batch()
        for at in batch.indices {
            for bit in 0..<8 {
                batch[at] ^= 1 << UInt8(bit)
                #expect(throws: LogBatchError.self, "byte \(at), bit \(bit)") {
                    try Self.check(batch)
                }
                batch[at] ^= 1 << UInt8(bit)
            }
        }
    }

    @Test("cut short anywhere, a batch is refused")
    func everyTruncation() {
        let batch = Self.batch()
        for count in 0..<batch.count {
            #expect(throws: LogBatchError.self, "\(count) bytes") {
                try Self.check(Array(batch[..<count]))
            }
        }
    }

    @Test("the records come out in order, each with its place")
    func records() throws {
        let batch = Self.batch()
        let header = try Self.check(batch)
        var seen: [String] = []
        try batch.withUnsafeBytes { bytes in
            try LogRecord.forEach(in: bytes, of: header) { record in
                switch record {
                case .message(let view, let at):
                    seen.append("message of \(view.body.count) at \(at.bytes)")
                case .state(let kind, let payload, let at):
                    seen.append("state \(kind) \(Array(payload)) at \(at.bytes)")
                }
            }
        }
        let first = SampleMessage().encoded.count
        #expect(
            seen == [
                "message of 5 at \(4096 + 48)", "state 7 [1, 2, 3] at \(4096 + 48 + first)",
                "message of 0 at \(4096 + 48 + first + 13)",
            ])
    }

    @Test(
        "records that lie about their size are refused",
        arguments: [0, 9, 0x7FFF_FFFF, 0xFFFF_FFFF, 1000, 121] as [UInt32])
    func lyingRecords(size: UInt32) throws {
        var bytes = Self.batch()
        bytes.withUnsafeMutableBytes { $0.store(bigEndian: size, at: LogBatchHeader.count) }
        try Self.expectRefusal(Self.sealed(bytes, records: 3))
    }

    @Test("more records than the batch holds are refused", arguments: [4, 5, 1 << 20])
    func tooManyRecords(count: Int) throws {
        try Self.expectRefusal(Self.batch(records: count))
    }

    private static func expectRefusal(_ batch: [UInt8]) throws {
        let header = try Self.check(batch)
        #expect(throws: MessageFormatError.self) {
            try batch.withUnsafeBytes { try LogRecord.forEach(in: $0, of: header) { _ in } }
        }
    }

    @Test("batches are padded to sixteen bytes")
    func padding() {
        #expect(LogBatchHeader.padded(48) == 48)
        #expect(LogBatchHeader.padded(49) == 64)
        #expect(LogBatchHeader.padded(64) == 64)
    }
}
