import MessageFormat
import ReplicationProtocol
import Testing

@Suite("Replication messages")
struct ReplicationCodecTests {
    static let hello = ReplicaHello(
        clusterName: "DefaultCluster", brokerName: "broker-ä", brokerID: 3,
        incarnation: 0xFEDC_BA98_7654_3210, epoch: Epoch(7), logID: 0x8000_0000_0000_0001,
        logStart: PhysicalOffset(1 << 30), logEnd: PhysicalOffset(1 << 31))

    static let welcome = MasterWelcome(
        epoch: Epoch(8), logID: 42, segmentBytes: 256 << 20, logStart: .zero,
        logEnd: PhysicalOffset(9_000), confirmed: PhysicalOffset(8_000),
        history: [
            EpochStart(epoch: Epoch(1), start: .zero),
            EpochStart(epoch: Epoch(8), start: PhysicalOffset(4_096)),
        ])

    static let stretch = LogStretch(
        epoch: Epoch(8), confirmed: PhysicalOffset(16), position: PhysicalOffset(32),
        bytes: Array(0..<200))

    static let all: [ReplicationMessage] = [
        .hello(Self.hello), .welcome(Self.welcome), .follow(from: PhysicalOffset(77)),
        .batches(Self.stretch), .confirmed(epoch: Epoch(8), confirmed: PhysicalOffset(5)),
        .ack(epoch: Epoch(8), written: PhysicalOffset(9), durable: PhysicalOffset(8)),
        .rollCall(epoch: Epoch(8), number: 3), .present(epoch: Epoch(8), number: .max),
        .lend(epoch: Epoch(8), PhysicalOffset(64)..<PhysicalOffset(192)),
        .lent(
            LentStretch(
                epoch: Epoch(8), position: PhysicalOffset(64), next: PhysicalOffset(264),
                bytes: Array(0..<200))),
        .goodbye(epoch: Epoch(9), .staleEpoch, remark: "nine is newer than eight"),
        .goodbye(epoch: Epoch(0), .comingAgain, remark: ""),
    ]

    @Test("what was written is read again", arguments: Self.all)
    func roundTrip(message: ReplicationMessage) throws {
        #expect(try ReplicationMessage(parsing: message.encoded) == message)
        #expect(message.pieces.head + message.pieces.body == message.encoded)
    }

    @Test("the bytes of an acknowledgement stay as they are documented")
    func layout() {
        let ack = ReplicationMessage.ack(
            epoch: Epoch(0x0102_0304), written: PhysicalOffset(0x0A), durable: PhysicalOffset(9))
        #expect(
            ack.encoded == [
                6, 1, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0x0A, 0, 0, 0, 0, 0, 0, 0, 9,
            ])
    }

    @Test("the log's bytes are handed on, not copied, when a stretch is encoded")
    func notCopied() {
        let pieces = ReplicationMessage.batches(Self.stretch).pieces
        let original = Self.stretch.bytes.withUnsafeBytes { $0.baseAddress }
        #expect(pieces.body.withUnsafeBytes { $0.baseAddress } == original)
    }

    @Test("every truncation is refused", arguments: Self.all)
    func truncation(message: ReplicationMessage) {
        let bytes = message.encoded
        for count in bytes.indices {
            #expect(throws: ReplicationFormatError.self, "\(count) of \(bytes.count) bytes") {
                try ReplicationMessage(parsing: Array(bytes[..<count]))
            }
        }
    }

    @Test("bytes behind a message are refused", arguments: Self.all)
    func trailing(message: ReplicationMessage) {
        #expect(throws: ReplicationFormatError.trailingBytes(1)) {
            try ReplicationMessage(parsing: message.encoded + [0])
        }
    }

    @Test("another version and unknown kinds are refused by number")
    func unknown() {
        #expect(throws: ReplicationFormatError.unknownVersion(2)) {
            try ReplicationMessage(parsing: [1, 2])
        }
        for kind in [0, 12, 255] as [UInt8] {
            #expect(throws: ReplicationFormatError.unknownKind(kind)) {
                try ReplicationMessage(parsing: [kind, 1])
            }
        }
    }

    @Test("random changes of sound messages are read as something or refused, and never trap")
    func noise() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<200 {
            for message in Self.all {
                var bytes = message.encoded
                for _ in 0..<Int.random(in: 1...4, using: &generator) {
                    let at = Int.random(in: 0..<bytes.count, using: &generator)
                    bytes[at] = [0, 0x7F, 0x80, 0xFF, .random(in: 0...255)].randomElement() ?? 0
                }
                guard let read = try? ReplicationMessage(parsing: bytes) else { continue }
                #expect(read.encoded == bytes, "what is accepted has one form only")
            }
        }
    }
}

@Suite("Limits of replication messages")
struct ReplicationLimitTests {
    private static func changed(
        _ message: ReplicationMessage, at offset: Int, to replacement: [UInt8]
    ) -> [UInt8] {
        var bytes = message.encoded
        bytes.replaceSubrange(offset..<(offset + replacement.count), with: replacement)
        return bytes
    }

    @Test("lengths that lie are refused before anything is read or made")
    func lyingLengths() {
        let hello = ReplicationMessage.hello(ReplicationCodecTests.hello)
        #expect(
            throws: ReplicationFormatError.tooLong(
                field: "clusterName", count: 256, countMax: 255)
        ) { try ReplicationMessage(parsing: Self.changed(hello, at: 2, to: [1, 0])) }

        let batches = ReplicationMessage.batches(ReplicationCodecTests.stretch)
        #expect(
            throws: ReplicationFormatError.tooLong(
                field: "batches", count: (16 << 20) + 1, countMax: 16 << 20)
        ) { try ReplicationMessage(parsing: Self.changed(batches, at: 22, to: [1, 0, 0, 1])) }

        let welcome = ReplicationMessage.welcome(ReplicationCodecTests.welcome)
        #expect(
            throws: ReplicationFormatError.tooLong(
                field: "history", count: 4_097, countMax: 4_096)
        ) { try ReplicationMessage(parsing: Self.changed(welcome, at: 46, to: [0, 0, 16, 1])) }
    }

    @Test("offsets that are negative, or so large that sums of them would not fit, are refused")
    func offsets() {
        let follow = ReplicationMessage.follow(from: .zero)
        #expect(throws: ReplicationFormatError.negative(field: "from", value: -1)) {
            let ones = [UInt8](repeating: 0xFF, count: 8)
            return try ReplicationMessage(parsing: Self.changed(follow, at: 2, to: ones))
        }
        #expect(throws: ReplicationFormatError.self) {
            try ReplicationMessage(parsing: Self.changed(follow, at: 2, to: [0x7F]))
        }
    }

    @Test("a history that goes back is refused")
    func history() {
        var welcome = ReplicationCodecTests.welcome
        for history in [
            [EpochStart(epoch: Epoch(2), start: .zero), EpochStart(epoch: Epoch(2), start: .zero)],
            [
                EpochStart(epoch: Epoch(1), start: PhysicalOffset(8)),
                EpochStart(epoch: Epoch(2), start: PhysicalOffset(7)),
            ],
        ] {
            welcome.history = history
            let bytes = ReplicationMessage.welcome(welcome).encoded
            #expect(throws: ReplicationFormatError.wrongValue(field: "history", value: 2)) {
                try ReplicationMessage(parsing: bytes)
            }
        }
    }

    @Test("a log that ends before it starts is refused, and a segment without bytes, too")
    func nonsense() {
        var hello = ReplicationCodecTests.hello
        hello.logEnd = .zero
        #expect(throws: ReplicationFormatError.self) {
            try ReplicationMessage(parsing: ReplicationMessage.hello(hello).encoded)
        }
        var welcome = ReplicationCodecTests.welcome
        welcome.segmentBytes = 0
        #expect(throws: ReplicationFormatError.self) {
            try ReplicationMessage(parsing: ReplicationMessage.welcome(welcome).encoded)
        }
    }

    @Test("what we write ourselves stays within the limits")
    func ownLimits() throws {
        let remark = String(repeating: "ä", count: 1_000)
        let goodbye = ReplicationMessage.goodbye(epoch: Epoch(1), .wrongLog, remark: remark)
        guard case .goodbye(_, _, let cut) = try ReplicationMessage(parsing: goodbye.encoded) else {
            return #expect(Bool(false), "a goodbye")
        }
        #expect(cut == String(repeating: "ä", count: 512))

        var welcome = ReplicationCodecTests.welcome
        welcome.history = (1...5_000).map {
            EpochStart(epoch: Epoch($0), start: PhysicalOffset(Int64($0)))
        }
        let bytes = ReplicationMessage.welcome(welcome).encoded
        guard case .welcome(let read) = try ReplicationMessage(parsing: bytes) else {
            return #expect(Bool(false), "a welcome")
        }
        #expect(read.history == Array(welcome.history.suffix(4_096)))
    }
}
