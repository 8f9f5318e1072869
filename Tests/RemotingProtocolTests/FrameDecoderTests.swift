import MessageFormat
import NIOCore
import RemotingProtocol
import Testing

@Suite("Frames out of a stream")
struct FrameDecoderTests {
    private static func stream(_ count: Int) -> [UInt8] {
        (0..<count).flatMap { index in
            RemotingCommand(
                code: 10, opaque: Int32(index), fields: [HeaderField(name: "b", value: "T")],
                body: Array(repeating: UInt8(truncatingIfNeeded: index), count: index * 7)
            ).bytes(as: index.isMultiple(of: 2) ? .json : .binary)
        }
    }

    private static func opaques(_ decoder: inout FrameDecoder) throws -> [Int32] {
        var opaques: [Int32] = []
        while let command = try decoder.next() {
            #expect(command.bodyCount == Int(command.opaque) * 7)
            #expect(
                command.withBodyBytes { $0.allSatisfy { $0 == UInt8(truncating: command.opaque) } })
            opaques.append(command.opaque)
        }
        return opaques
    }

    @Test("all frames of one read come out, the unfinished one waits")
    func manyInOneRead() throws {
        var decoder = FrameDecoder()
        let stream = Self.stream(20)
        decoder.append(ByteBuffer(bytes: stream.dropLast()))
        #expect(try Self.opaques(&decoder) == Array(0..<19))
        #expect(decoder.bufferedBytes > 0)
        decoder.append(ByteBuffer(bytes: stream.suffix(1)))
        #expect(try Self.opaques(&decoder) == [19])
        #expect(decoder.bufferedBytes == 0)
    }

    @Test("reads of any size give the same frames", arguments: [1, 2, 3, 5, 7, 64, 100, 1000])
    func anyReadSize(size: Int) throws {
        var decoder = FrameDecoder()
        let stream = Self.stream(20)
        var opaques: [Int32] = []
        for start in stride(from: 0, to: stream.count, by: size) {
            var read = ByteBuffer(bytes: stream[start..<min(start + size, stream.count)])
            decoder.append(&read)
            #expect(read.readableBytes == 0)
            opaques += try Self.opaques(&decoder)
        }
        #expect(opaques == Array(0..<20))
        #expect(decoder.bufferedBytes == 0)
    }

    @Test("reads that nobody has looked at gather", arguments: [1, 7, 64, 1000])
    func unseenReads(size: Int) throws {
        var decoder = FrameDecoder()
        let stream = Self.stream(20)
        var opaques: [Int32] = []
        for (number, start) in stride(from: 0, to: stream.count, by: size).enumerated() {
            decoder.append(ByteBuffer(bytes: stream[start..<min(start + size, stream.count)]))
            if number.isMultiple(of: 3) { opaques += try Self.opaques(&decoder) }
        }
        opaques += try Self.opaques(&decoder)
        #expect(opaques == Array(0..<20))
        #expect(decoder.bufferedBytes == 0)
    }

    @Test("frames that were handed out stay as they are while the next ones arrive")
    func handedOutFramesKeepTheirBytes() throws {
        var decoder = FrameDecoder()
        let stream = Self.stream(30)
        var kept: [ReceivedCommand] = []
        for start in stride(from: 0, to: stream.count, by: 500) {
            decoder.append(ByteBuffer(bytes: stream[start..<min(start + 500, stream.count)]))
            while let command = try decoder.next() { kept.append(command) }
        }
        #expect(kept.map(\.opaque) == Array(0..<30))
        for command in kept {
            #expect(command.string("b") == "T")
            #expect(
                Array(command.body.readableBytesView)
                    == Array(
                        repeating: UInt8(truncating: command.opaque), count: Int(command.opaque) * 7
                    ))
        }
    }

    @Test("a frame may have 16 MiB and not a byte more, and is refused before it has come")
    func frameLimit() throws {
        var decoder = FrameDecoder()
        var head = ByteBuffer()
        let limit = 16 << 20
        head.writeInteger(Int32(limit - 4))
        decoder.append(head)
        #expect(try decoder.next() == nil)

        decoder = FrameDecoder()
        head.clear()
        head.writeInteger(Int32(limit - 3))
        decoder.append(head)
        #expect(throws: FrameError.tooLong(bytes: limit + 1, bytesMax: limit)) {
            try decoder.next()
        }
    }

    @Test("a frame of the largest size comes through")
    func largestFrame() throws {
        let empty = RemotingCommand.request(.sendMessage).bytes().count
        let request = RemotingCommand.request(
            .sendMessage, body: Array(repeating: 1, count: (16 << 20) - empty))
        let bytes = request.bytes()
        #expect(bytes.count == 16 << 20)
        var decoder = FrameDecoder()
        decoder.append(ByteBuffer(bytes: bytes[..<1_000_000]))
        #expect(try decoder.next() == nil)
        decoder.append(ByteBuffer(bytes: bytes[1_000_000...]))
        #expect(try decoder.next()?.bodyCount == request.body.count)
    }

    @Test("a length below four is refused", arguments: [Int32(0), 1, 3, -1, .min])
    func impossibleLengths(length: Int32) {
        var decoder = FrameDecoder()
        var bytes = ByteBuffer()
        bytes.writeInteger(length)
        decoder.append(bytes)
        #expect(throws: FrameError.wrongLength(Int(length))) { try decoder.next() }
    }

    @Test("after an error the stream stays refused, and nothing more is kept of it")
    func errorsStay() {
        var decoder = FrameDecoder()
        decoder.append(ByteBuffer(bytes: [0, 0, 0, 0]))
        #expect(throws: FrameError.wrongLength(0)) { try decoder.next() }
        decoder.append(ByteBuffer(bytes: Self.stream(3)))
        #expect(throws: FrameError.wrongLength(0)) { try decoder.next() }
        #expect(decoder.bufferedBytes == 0)
    }

    /// Valid frames with a few bytes changed: each gives a command or an error, never a trap.
    @Test("random damage never traps", arguments: Array(0..<40) as [UInt64])
    func randomDamage(seed: UInt64) throws {
        var (survived, refused) = (0, 0)
        var random = SeededGenerator(seed: seed)
        for round in 0..<150 {
            let serialization: SerializationType = round.isMultiple(of: 3) ? .binary : .json
            var bytes = HotFrames.all[round % HotFrames.all.count].bytes(as: serialization)
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                // The length stays: the damage shall reach the parsers behind it.
                let at = Int.random(in: 4..<bytes.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes[at] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                case 2: bytes[at] = Array("\"\\{}[],:u".utf8).randomElement(using: &random) ?? 0
                default: bytes.swapAt(at, Int.random(in: 4..<bytes.count, using: &random))
                }
            }
            var decoder = FrameDecoder()
            decoder.append(ByteBuffer(bytes: bytes))
            do throws(FrameError) {
                while let command = try decoder.next() { touchEverything(of: command) }
                survived += 1
            } catch {
                refused += 1
            }
        }
        #expect(survived > 0 && refused > 0, "the damage misses its aim, seed \(seed)")
    }

    @Test("random bytes never trap", arguments: Array(0..<10) as [UInt64])
    func randomBytes(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<300 {
            let header = (0..<Int.random(in: 0..<120, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            for type in [UInt8(0), 1] {
                if let command = try? ReceivedCommand(frame: frame(type: type, header: header)) {
                    touchEverything(of: command)
                }
            }
        }
    }
}

/// One command of each kind that runs often, with every kind of field.
enum HotFrames {
    static let all: [RemotingCommand] = {
        var batch: [UInt8] = []
        MessageBatch.append(to: &batch, body: [1, 2, 3], properties: Array("A\u{1}b\u{2}".utf8))
        MessageBatch.append(to: &batch, flag: 9, body: [], properties: [])
        let send = SendRequest(
            producerGroup: "PG", topic: "T", queueID: 3, bornTimestamp: .init(milliseconds: 17),
            properties: Array("KEYS\u{1}a \"b\"\u{2}".utf8), maxReconsumeTimes: 16, brokerName: "b")
        var sendBatch = send
        sendBatch.isBatch = true
        return [
            send.command(body: [1, 2, 3]), sendBatch.command(body: batch),
            PullRequest(
                consumerGroup: "CG", topic: "T", queueID: 1, queueOffset: 5, subscription: "*"
            ).command,
            SendResponse(
                opaque: 1, messageIDs: .several("7F00"), queueID: 1, queueOffset: 2,
                transactionID: "x"
            ).command,
            PullResponse(opaque: 2, code: .success, nextBeginOffset: 1, minOffset: 0, maxOffset: 1)
                .command,
            .request(
                .heartBeat, body: HeartbeatData(clientID: "c", producers: ["PG"]).encoded),
        ]
    }()
}

extension UInt8 {
    fileprivate init(truncating number: Int32) { self.init(truncatingIfNeeded: number) }
}
