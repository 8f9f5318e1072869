import ClientCore
import MessageFormat
import Testing

@Suite("Records of the spool")
struct SpoolRecordTests {
    static func message(
        _ sequence: UInt64, topic: String = "T", body: [UInt8] = [1, 2, 3],
        _ destination: SpooledMessage.Destination = .anyQueue
    ) -> SpooledMessage {
        SpooledMessage(
            sequence: sequence, topic: topic, destination: destination, flag: -1, systemFlag: 4,
            bornTimestamp: Timestamp(milliseconds: 1_700_000_000_000),
            properties: "UNIQ_KEY\u{1}\(sequence)\u{2}", body: body)
    }

    static func file(_ records: [SpoolRecord], segment: UInt64 = 3) -> [UInt8] {
        records.reduce(into: []) { $0 += $1.encoded(segment: segment, position: $0.count) }
    }

    static func image(_ bytes: [UInt8], segment: UInt64 = 3) -> SpoolImage {
        bytes.withUnsafeBytes { SpoolImage(segment: segment, reading: $0) }
    }

    static let records: [SpoolRecord] = [
        .message(message(1)), .message(message(2, topic: "", body: [], .shardingKey("order-1"))),
        .done([1, 2, .max]),
        .message(message(.max, topic: "雨燕", .queue(brokerName: "broker-a", queueID: 7))),
        .done([]),
    ]

    @Test("a record is read as it was written, of the length that was foretold")
    func roundTrip() throws {
        for record in Self.records {
            let bytes = record.encoded(segment: 9, position: 0)
            #expect(bytes.count == record.encodedCount)
            let read = try bytes.withUnsafeBytes { try SpoolRecord.read($0, at: 0, segment: 9) }
            #expect(read.record == record)
            #expect(read.count == bytes.count)
        }
    }

    @Test("a whole file gives all its messages and marks")
    func wholeFile() {
        let bytes = Self.file(Self.records)
        let image = Self.image(bytes)
        #expect(image.messages.map(\.sequence) == [1, 2, .max])
        #expect(image.done == [1, 2, .max])
        #expect(image.damages == [])
        #expect(image.end == bytes.count)
        #expect(image.messages[1].place.position == image.messages[0].place.count)
    }

    @Test("wherever the tail was torn off, whole records before it are kept")
    func torn() {
        let records = (1...3).map { SpoolRecord.message(Self.message($0)) }
        let bytes = Self.file(records)
        let count = records[0].encodedCount
        for length in 0...bytes.count {
            let image = Self.image(Array(bytes[..<length]))
            #expect(image.messages.count == length / count)
            #expect(image.tornBytes == length % count)
            #expect(image.damages == [])
            // The same with zeros that were never written over.
            let padded = bytes[..<length] + Array(repeating: 0, count: 100)
            #expect(Self.image(Array(padded)).messages.count == length / count)
        }
    }

    @Test("any spoilt byte costs its own record only, and is reported")
    func damaged() {
        let bytes = Self.file((1...3).map { .message(Self.message($0)) })
        let count = bytes.count / 3
        for place in 0..<(2 * count) {
            var spoilt = bytes
            spoilt[place] ^= 0x40
            let image = Self.image(spoilt)
            let hit = UInt64(place / count + 1)
            #expect(image.messages.map(\.sequence) == [1, 2, 3].filter { $0 != hit })
            #expect(image.damages.count == 1)
            let start = place / count * count
            let range = start..<(start + count)
            #expect(image.damages.first?.bytes == range)
            if place % count >= SpoolRecord.headerBytes {
                #expect(image.damages.first?.sequence == hit)
            }
        }
    }

    @Test("a record inside a body, or of another file, is not taken for one")
    func misplaced() {
        let inner = Self.file([.message(Self.message(99))])
        var bytes = Self.file([.message(Self.message(1, body: inner)), .message(Self.message(2))])
        bytes[0] ^= 1
        #expect(Self.image(bytes).messages.map(\.sequence) == [2])
        #expect(Self.image(Self.file(Self.records), segment: 4).messages == [])
    }

    @Test("random bytes and random changes never trap", arguments: 1...10)
    func fuzz(seed: UInt64) {
        var random = SplitMix(state: seed)
        let good = Self.file(Self.records)
        for _ in 0..<300 {
            var bytes = good
            for _ in 0..<Int.random(in: 1...8, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(
                    in: 0...255, using: &random)
            }
            #expect(Self.image(bytes).messages.count <= 3)
            let noise = (0..<200).map { _ in UInt8.random(in: 0...255, using: &random) }
            #expect(Self.image(noise).messages == [])
        }
    }
}
