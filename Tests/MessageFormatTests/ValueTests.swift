import MessageFormat
import Testing

@Suite("Properties")
struct MessagePropertiesTests {
    @Test("pairs keep their order, with or without the last separator")
    func parsing() {
        for text in ["A\u{1}1\u{2}B\u{1}2\u{2}", "A\u{1}1\u{2}B\u{1}2"] {
            let properties = MessageProperties(parsing: text)
            #expect(properties.pairs.map(\.name) == ["A", "B"])
            #expect(properties.pairs.map(\.value) == ["1", "2"])
            #expect(properties.encoded == "A\u{1}1\u{2}B\u{1}2\u{2}")
        }
    }

    @Test(
        "what is no pair is skipped",
        arguments: [
            "", "\u{2}", "\u{2}\u{2}", "A", "A\u{1}", "\u{1}x", "\u{1}", "\u{1}\u{2}A\u{2}",
        ])
    func notPairs(text: String) {
        #expect(MessageProperties(parsing: text).pairs.isEmpty)
        #expect(MessageProperties(parsing: "\(text)\u{2}K\u{1}v")["K"] == "v")
    }

    @Test("of two values of one name the last counts")
    func duplicates() {
        let properties = MessageProperties(parsing: "A\u{1}1\u{2}A\u{1}2\u{2}")
        #expect(properties["A"] == "2")
        #expect(properties.encoded == "A\u{1}2\u{2}")
    }

    @Test("thousands of names cost no more than their number; the last value of each counts")
    func manyNames() {
        let text = (0..<3_000).map { "\($0)\u{1}a\u{2}" }.joined()
        let properties = MessageProperties(parsing: text + "7\u{1}b\u{2}2999\u{1}c\u{2}")
        #expect(properties.pairs.map(\.name) == (0..<3_000).map(String.init))
        #expect(properties["7"] == "b")
        #expect(properties["2999"] == "c")
        #expect(properties["8"] == "a")
    }

    @Test("a value may hold the first separator")
    func separatorInValue() {
        #expect(MessageProperties(parsing: "A\u{1}1\u{1}2\u{2}")["A"] == "1\u{1}2")
    }

    @Test("setting, replacing and removing")
    func setting() {
        var properties = MessageProperties()
        properties["A"] = "1"
        properties["ü"] = "ß"
        properties["A"] = "2"
        #expect(properties.encoded == "A\u{1}2\u{2}ü\u{1}ß\u{2}")
        #expect(MessageProperties(parsing: properties.encoded) == properties)
        #expect(
            Set([properties, MessageProperties(parsing: properties.encoded)]).count == 1)
        properties["A"] = nil
        properties["nowhere"] = nil
        #expect(properties.encoded == "ü\u{1}ß\u{2}")
    }

    @Test("bytes that are no UTF-8 do not trap")
    func brokenText() {
        [0xFF, 1, 0xFE, 2, 0xC3, 1, 0x80].withUnsafeBytes {
            #expect(MessageProperties(parsing: $0).pairs.count <= 2)
        }
    }
}

@Suite("Names")
struct ResourceNameTests {
    @Test(
        "good topics",
        arguments: ["T", "Topic_1-a", "%RETRY%group", "a|b", String(repeating: "t", count: 127)])
    func goodTopics(name: String) { #expect(ResourceName.problem(withTopic: name) == nil) }

    @Test(
        "bad topics",
        arguments: [
            "", " ", "a/b", "../etc", "a.b", "a\0", "\0", "a b", "töpic", "a\n", "a:b", "a@b", "a*",
            String(repeating: "t", count: 128), String(repeating: "t", count: 10_000),
            "%RETRY%" + String(repeating: "g", count: 249), "%RETRY%a/b",
        ])
    func badTopics(name: String) { #expect(ResourceName.problem(withTopic: name) != nil) }

    @Test("a retry or dead-letter topic may have 255 bytes")
    func derivedTopics() {
        for prefix in ["%RETRY%", "%DLQ%"] {
            let room = 255 - prefix.utf8.count
            #expect(
                ResourceName.problem(withTopic: prefix + String(repeating: "g", count: room)) == nil
            )
            #expect(
                ResourceName.problem(withTopic: prefix + String(repeating: "g", count: room + 1))
                    != nil)
        }
    }

    @Test("groups may have 255 bytes")
    func groups() {
        #expect(ResourceName.problem(withGroup: String(repeating: "g", count: 255)) == nil)
        #expect(ResourceName.problem(withGroup: String(repeating: "g", count: 256)) != nil)
        #expect(ResourceName.problem(withGroup: "") != nil)
        #expect(ResourceName.problem(withGroup: "a/b") != nil)
    }

    @Test("the problem says what is wrong without repeating a name of any length")
    func problemText() {
        let text = ResourceName.problem(withTopic: String(repeating: "x", count: 10_000)) ?? ""
        #expect(text.contains("10000 bytes") && text.utf8.count < 200)
    }

    @Test("system topics")
    func systemTopics() {
        #expect(SystemTopic.isSystem("TBW102"))
        #expect(SystemTopic.isSystem("rmq_sys_anything"))
        #expect(SystemTopic.forbiddenToSend.contains("SCHEDULE_TOPIC_XXXX"))
        #expect(!SystemTopic.forbiddenToSend.contains("TBW102"))
        #expect(!SystemTopic.isSystem("orders"))
    }
}

@Suite("Ids, hashes, addresses and times")
struct SmallValueTests {
    @Test("tags hash as Java's strings do")
    func tagHash() {
        #expect(TagHash.of("TagA") == 2_598_919)
        #expect(TagHash.of("TagB") == 2_598_920)
        #expect(TagHash.of("") == 0)
        #expect(TagHash.of("polygenelubricants") == .min)
        #expect(TagHash.of("Aa") == TagHash.of("BB"))
        // Two UTF-16 units, not one scalar and not four bytes.
        #expect(TagHash.of("🐦") == 31 &* 0xD83D &+ 0xDC26)
    }

    @Test("offset message ids")
    func offsetMessageID() throws {
        let id = OffsetMessageID(
            storeHost: HostAddress(ip: [127, 0, 0, 1], port: 10911),
            physicalOffset: PhysicalOffset(1234))
        #expect(id.text == "7F00000100002A9F00000000000004D2")
        #expect(OffsetMessageID(id.text) == id)
        #expect(OffsetMessageID(id.text.lowercased()) == id)

        let long = OffsetMessageID(
            storeHost: SampleMessage.ipv6, physicalOffset: PhysicalOffset(.max))
        #expect(long.text.utf8.count == 56)
        #expect(OffsetMessageID(long.text) == long)
    }

    @Test(
        "texts that are no offset message id",
        arguments: [
            "", "7F", "7F00000100002A9F00000000000004D", "7F00000100002A9F00000000000004DG",
            "7F00000100002A9F00000000000004D200", String(repeating: "é", count: 16),
        ])
    func noOffsetMessageID(text: String) { #expect(OffsetMessageID(text) == nil) }

    @Test("hexadecimal")
    func hexadecimal() {
        let all = Array(UInt8.min...UInt8.max)
        #expect(Hexadecimal.decode(Hexadecimal.encode(all)) == all)
        #expect(Hexadecimal.encode([0, 0xAB, 0xFF]) == "00ABFF")
        #expect(Hexadecimal.decode("0") == nil)
        #expect(Hexadecimal.decode("0x") == nil)
    }

    @Test("host addresses")
    func hostAddresses() {
        #expect(
            HostAddress(ipv4: "127.0.0.1", port: 9876)
                == HostAddress(ip: [127, 0, 0, 1], port: 9876))
        for text in ["", "1.2.3", "1.2.3.4.5", "1.2.3.256", "a.b.c.d", "1..2.3", "localhost"] {
            #expect(HostAddress(ipv4: text, port: 1) == nil)
        }
        #expect(HostAddress(ip: [10, 0, 0, 1], port: 5).description == "10.0.0.1:5")
        #expect(SampleMessage.ipv6.description == "[102:304:506:708:90a:b0c:d0e:f10]:5000")
        #expect(SampleMessage.ipv4.encodedCount == 8 && SampleMessage.ipv6.encodedCount == 20)
    }

    @Test("queues sort by topic, broker and number, as every client shares them out")
    func queueOrder() {
        let queues = [
            MessageQueue(topic: "a", brokerName: "y", queueID: 10),
            MessageQueue(topic: "a", brokerName: "x", queueID: 10),
            MessageQueue(topic: "b", brokerName: "a", queueID: 0),
            MessageQueue(topic: "a", brokerName: "x", queueID: 2),
        ]
        #expect(queues.sorted().map(\.queueID) == [2, 10, 10, 0])
        #expect(queues.sorted().map(\.brokerName) == ["x", "x", "y", "a"])
    }

    @Test("ticks and durations")
    func ticks() {
        let tick = Tick(.milliseconds(1500))
        #expect(tick.nanoseconds == 1_500_000_000)
        #expect(tick + .seconds(1) == Tick(.milliseconds(2500)))
        #expect(tick - Tick(.seconds(2)) == .milliseconds(-500))
        #expect(Tick.zero < tick)
    }

    @Test("compression types, with zlib for what old clients leave out")
    func compressionTypes() {
        #expect(CompressionType([.compressed]) == .zlib)
        #expect(CompressionType(SystemFlag(rawValue: 0x101)) == .lz4)
        #expect(CompressionType(SystemFlag(rawValue: 0x201)) == .zstd)
        #expect(CompressionType(SystemFlag(rawValue: 0x301)) == .zlib)
        #expect(CompressionType(SystemFlag(rawValue: 0x701)) == .zlib)
    }

    @Test("transaction bits")
    func transactionBits() {
        #expect(SystemFlag.transactionPrepared.transactionBits == 4)
        #expect(SystemFlag(rawValue: 0x309).transactionBits == 8)
        #expect(SystemFlag.transactionRollback.transactionBits == 12)
    }
}
