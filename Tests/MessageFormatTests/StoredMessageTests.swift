import MessageFormat
import Testing

/// A message and the places that a log gave it.
struct SampleMessage: Sendable, CustomTestStringConvertible {
    var topic = "TopicTest"
    var isBornIPv6 = false
    var isStoreIPv6 = false
    var body: [UInt8] = Array("hello".utf8)
    var properties: [UInt8] = Array("KEYS\u{1}k\u{2}TAGS\u{1}TagA\u{2}".utf8)

    var testDescription: String {
        "topic of \(self.topic.utf8.count), body of \(self.body.count), IPv6 \(self.isBornIPv6) \(self.isStoreIPv6)"
    }

    static let ipv6 = HostAddress(ip: Array(1...16), port: 5000)
    static let ipv4 = HostAddress(ip: [10, 0, 0, 1], port: 10911)

    var draft: MessageDraft {
        MessageDraft(
            topic: self.topic, queueID: 3, flag: -7, systemFlag: [.compressed],
            bornTimestamp: Timestamp(milliseconds: 1_700_000_000_001),
            bornHost: self.isBornIPv6 ? Self.ipv6 : Self.ipv4,
            storeHost: self.isStoreIPv6 ? Self.ipv6 : Self.ipv4, reconsumeTimes: 2,
            preparedTransactionOffset: 99)
    }

    func append(_ draft: MessageDraft? = nil, to bytes: inout [UInt8]) {
        self.body.withUnsafeBytes { body in
            self.properties.withUnsafeBytes { properties in
                (draft ?? self.draft).append(
                    to: &bytes, body: body, properties: properties,
                    queueOffset: QueueOffset(1 << 33),
                    physicalOffset: PhysicalOffset(1 << 40),
                    storeTimestamp: Timestamp(milliseconds: 1_700_000_000_002))
            }
        }
    }

    var encoded: [UInt8] { self.encoded(self.draft) }

    func encoded(_ draft: MessageDraft) -> [UInt8] {
        var bytes: [UInt8] = []
        self.append(draft, to: &bytes)
        return bytes
    }

    static let all: [Self] = {
        var samples: [Self] = []
        for topic in [
            "T", "TopicTest", String(repeating: "t", count: 127),
            String(repeating: "t", count: 128), String(repeating: "t", count: 255), "a/b.c", "\0",
            "übung", String(repeating: "x", count: 10_000), "",
        ] {
            samples.append(Self(topic: topic))
        }
        for (born, store) in [(true, false), (false, true), (true, true)] {
            samples.append(Self(isBornIPv6: born, isStoreIPv6: store))
            samples.append(
                Self(
                    topic: String(repeating: "t", count: 200), isBornIPv6: born, isStoreIPv6: store)
            )
        }
        samples.append(Self(body: [], properties: []))
        samples.append(Self(body: Array(repeating: 0xFF, count: 70_000)))
        samples.append(Self(properties: Array(repeating: 65, count: 32_767)))
        return samples
    }()
}

@Suite("Stored messages")
struct StoredMessageTests {
    @Test("what is stored is what is read", arguments: SampleMessage.all)
    func roundTrip(sample: SampleMessage) throws {
        let bytes = sample.encoded
        let draft = sample.draft
        #expect(
            bytes.count
                == draft.encodedCount(
                    bodyCount: sample.body.count, propertiesCount: sample.properties.count))
        try bytes.withUnsafeBytes { bytes in
            let view = try StoredMessageView(bytes)
            #expect(view.size == bytes.count)
            #expect(view.topic == sample.topic)
            #expect(Array(view.topicBytes) == Array(sample.topic.utf8))
            #expect(Array(view.body) == sample.body)
            #expect(Array(view.propertiesBytes) == sample.properties)
            #expect(view.queueID == 3)
            #expect(view.flag == -7)
            #expect(view.queueOffset == QueueOffset(1 << 33))
            #expect(view.physicalOffset == PhysicalOffset(1 << 40))
            #expect(view.bornTimestamp.milliseconds == 1_700_000_000_001)
            #expect(view.storeTimestamp.milliseconds == 1_700_000_000_002)
            #expect(view.bornHost == draft.bornHost)
            #expect(view.storeHost == draft.storeHost)
            #expect(view.reconsumeTimes == 2)
            #expect(view.preparedTransactionOffset == 99)
            #expect(view.systemFlag.contains(.compressed))
            #expect(view.systemFlag.contains(.bornHostIPv6) == sample.isBornIPv6)
            #expect(view.systemFlag.contains(.storeHostIPv6) == sample.isStoreIPv6)
            #expect(view.isBodyIntact)
        }
    }

    @Test("the fields lie where every client looks for them")
    func layout() {
        SampleMessage().encoded.withUnsafeBytes { bytes in
            #expect(bytes.bigEndian(Int32.self, at: 0) == 91 + 5 + 9 + 17)
            #expect(bytes.bigEndian(UInt32.self, at: 4) == 0xDAA3_20A7)
            #expect(bytes.bigEndian(Int32.self, at: 8) == Checksum.ofBody(bytes.slice(88..<93)))
            #expect(bytes.bigEndian(Int32.self, at: 12) == 3)
            #expect(bytes.bigEndian(Int32.self, at: 16) == -7)
            #expect(bytes.bigEndian(Int64.self, at: 20) == 1 << 33)
            #expect(bytes.bigEndian(Int64.self, at: 28) == 1 << 40)
            #expect(bytes.bigEndian(Int32.self, at: 36) == 1)
            #expect(bytes.bigEndian(Int64.self, at: 40) == 1_700_000_000_001)
            #expect(Array(bytes[48..<56]) == [10, 0, 0, 1, 0, 0, 0x2A, 0x9F])
            #expect(bytes.bigEndian(Int64.self, at: 56) == 1_700_000_000_002)
            #expect(Array(bytes[64..<72]) == [10, 0, 0, 1, 0, 0, 0x2A, 0x9F])
            #expect(bytes.bigEndian(Int32.self, at: 72) == 2)
            #expect(bytes.bigEndian(Int64.self, at: 76) == 99)
            #expect(bytes.bigEndian(Int32.self, at: 84) == 5)
            #expect(bytes[93] == 9)
            #expect(bytes.bigEndian(Int16.self, at: 103) == 17)
        }
    }

    @Test("who hands messages out names itself, and changes nothing else")
    func storeHost() throws {
        let own = HostAddress(ip: [192, 168, 7, 9], port: 30_911)
        let samples = [SampleMessage(), SampleMessage(isBornIPv6: true), SampleMessage()]
        var messages = samples.flatMap(\.encoded)
        messages.withUnsafeMutableBytes { StoreHost.write(own, into: $0) }
        let expected = samples.flatMap { sample in
            var draft = sample.draft
            draft.storeHost = own
            return sample.encoded(draft)
        }
        #expect(messages == expected)
    }

    @Test("a store host stays where the own one has no room, and bytes that are no message stay")
    func storeHostKept() {
        let own = HostAddress(ip: [192, 168, 7, 9], port: 30_911)
        for kept in [
            SampleMessage(isStoreIPv6: true).encoded, [UInt8](repeating: 7, count: 300), [],
        ] {
            var messages = kept
            messages.withUnsafeMutableBytes { StoreHost.write(own, into: $0) }
            #expect(messages == kept)
        }
    }

    @Test("only a topic of more than 127 bytes takes the second layout")
    func secondLayout() {
        for (count, magic) in [(127, UInt32(0xDAA3_20A7)), (128, 0xDAA3_20AB)] {
            SampleMessage(topic: String(repeating: "t", count: count)).encoded.withUnsafeBytes {
                #expect($0.bigEndian(UInt32.self, at: 4) == magic)
            }
        }
    }

    @Test("the flags of hosts follow the hosts, whatever the sender said")
    func hostFlags() throws {
        var draft = SampleMessage().draft
        draft.systemFlag = [.bornHostIPv6, .storeHostIPv6]
        var bytes: [UInt8] = []
        let none = UnsafeRawBufferPointer(start: nil, count: 0)
        draft.append(
            to: &bytes, body: none, properties: none, queueOffset: .zero, physicalOffset: .zero,
            storeTimestamp: Timestamp(milliseconds: 0))
        let isEmpty = try bytes.withUnsafeBytes { try StoredMessageView($0).systemFlag.isEmpty }
        #expect(isEmpty)
    }

    @Test("messages stand one behind the other, and a view takes only its own bytes")
    func messagesInARow() throws {
        var bytes = SampleMessage(body: [1]).encoded
        let first = bytes.count
        SampleMessage(body: [2, 2]).append(to: &bytes)
        try bytes.withUnsafeBytes { bytes in
            #expect(try StoredMessageView(bytes).size == first)
            let rest = try StoredMessageView(bytes.slice(first..<bytes.count))
            #expect(Array(rest.body) == [2, 2])
            #expect(rest.encoded.count == bytes.count - first)
        }
    }

    @Test("a rotten body is noticed")
    func rottenBody() throws {
        var bytes = SampleMessage().encoded
        bytes[90] ^= 1
        let isIntact = try bytes.withUnsafeBytes { try StoredMessageView($0).isBodyIntact }
        #expect(!isIntact)
    }
}

@Suite("Bytes that are no message")
struct WrongMessageTests {
    private static func isRefused(_ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBytes { bytes in
            do throws(MessageFormatError) {
                let view = try StoredMessageView(bytes)
                // What is accepted can be read to its last byte.
                _ = (view.topic, view.properties, view.bornHost, view.storeHost, view.isBodyIntact)
                return false
            } catch {
                return true
            }
        }
    }

    private static func setting<T: FixedWidthInteger>(
        _ value: T, at offset: Int, in bytes: [UInt8]
    ) -> [UInt8] {
        var bytes = bytes
        bytes.withUnsafeMutableBytes { $0.store(bigEndian: value, at: offset) }
        return bytes
    }

    @Test(
        "cut short anywhere, a message is refused",
        arguments: SampleMessage.all.filter { $0.encoded.count < 1000 })
    func everyTruncation(sample: SampleMessage) {
        let bytes = sample.encoded
        #expect(!Self.isRefused(bytes))
        for count in 0..<bytes.count {
            #expect(Self.isRefused(Array(bytes[..<count])), "\(count) bytes")
        }
    }

    @Test("cut short, with a size that agrees, a message is refused")
    func everyAgreedTruncation() {
        let bytes = SampleMessage().encoded
        for count in 4..<bytes.count {
            let cut = Self.setting(Int32(count), at: 0, in: Array(bytes[..<count]))
            #expect(Self.isRefused(cut), "\(count) bytes")
        }
    }

    @Test(
        "no length is believed",
        arguments: [Int32.min, -1, 0, 1, 4, 6, 90, 91, 121, 123, 1000, 1 << 24, .max])
    func lyingLengths(lie: Int32) {
        let bytes = SampleMessage().encoded
        #expect(Self.isRefused(Self.setting(lie, at: 0, in: bytes)))
        #expect(Self.isRefused(Self.setting(lie, at: 84, in: bytes)))
        let short = Int16(truncatingIfNeeded: lie)
        #expect(Self.isRefused(Self.setting(short, at: 103, in: bytes)))
        #expect(Self.isRefused(Self.setting(UInt8(truncatingIfNeeded: lie), at: 93, in: bytes)))
        let long = SampleMessage(topic: String(repeating: "t", count: 200)).encoded
        #expect(!Self.isRefused(long))
        #expect(Self.isRefused(Self.setting(UInt16(bitPattern: short), at: 93, in: long)))
    }

    @Test("a size that claims less or more than the fields take is refused")
    func wrongSize() {
        let bytes = SampleMessage().encoded
        #expect(Self.isRefused(Self.setting(Int32(bytes.count - 1), at: 0, in: bytes)))
        #expect(Self.isRefused(Self.setting(Int32(bytes.count + 1), at: 0, in: bytes + [0])))
    }

    @Test("host flags that lie are refused", arguments: [Int32(16), 32, 48])
    func lyingHostFlags(flags: Int32) {
        #expect(Self.isRefused(Self.setting(flags, at: 36, in: SampleMessage().encoded)))
        // The shortest message ends before the hosts that it claims.
        #expect(
            Self.isRefused(
                Self.setting(
                    flags, at: 36, in: SampleMessage(topic: "", body: [], properties: []).encoded)))
    }

    @Test(
        "another magic is refused, the blank filler's too",
        arguments: [0, 0xCBD4_3194, 0xDAA3_20A8] as [UInt32])
    func otherMagic(magic: UInt32) {
        let bytes = Self.setting(magic, at: 4, in: SampleMessage().encoded)
        #expect(throws: MessageFormatError.wrongMagic(magic)) {
            try bytes.withUnsafeBytes { _ = try StoredMessageView($0) }
        }
    }

    @Test("random damage never traps", arguments: Array(0..<20) as [UInt64])
    func randomDamage(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<300 {
            var bytes = SampleMessage(isBornIPv6: Bool.random(using: &random)).encoded
            for _ in 0..<Int.random(in: 1...8, using: &random) {
                let at = Int.random(in: 0..<bytes.count, using: &random)
                bytes[at] = UInt8.random(in: 0...255, using: &random)
            }
            _ = Self.isRefused(bytes)
        }
    }
}

/// Reproducible randomness: the seed is all there is.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { self.state = seed }

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = self.state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
