import NIOCore
import RemotingProtocol
import Testing

@Suite("Frames")
struct FrameTests {
    @Test("the binary sample of the protocol's description, byte for byte")
    func binarySample() throws {
        let sample = hex(
            """
            0000002d 01000029 0069 00 01df 00000005 00000000 00000000 00000014
            0005 746f706963 00000009 546f70696354657374
            """)
        let command = RemotingCommand(
            code: 105, opaque: 5, language: .java,
            fields: [HeaderField(name: "topic", value: "TopicTest")])
        #expect(command.bytes(as: .binary) == sample)

        let received = try ReceivedCommand(frame: ByteBuffer(bytes: sample[4...]))
        #expect(received.requestCode == .getRouteInfoByTopic)
        #expect(received.serialization == .binary)
        #expect(received.version == 479)
        #expect(received.opaque == 5)
        #expect(received.language == .java)
        #expect(received.remark == nil)
        #expect(received.string("topic") == "TopicTest")
    }

    @Test("the smallest answer that every client accepts, byte for byte")
    func smallestAnswer() {
        var answer = RemotingCommand.response(.success, to: 7)
        answer.language = .java
        #expect(
            answer.headerText
                == #"{"code":0,"extFields":{},"flag":1,"language":"JAVA","opaque":7,"serializeTypeCurrentRPC":"JSON","version":479}"#
        )
    }

    @Test("a request without fields has no extFields, one with fields has them sorted")
    func requestHeader() {
        #expect(!RemotingCommand.request(.heartBeat).headerText.contains("extFields"))
        let request = RemotingCommand.request(
            .getMaxOffset, fields: ["topic": "T", "queueId": "3"], oneWay: true)
        #expect(
            request.headerText
                == #"{"code":30,"extFields":{"queueId":"3","topic":"T"},"flag":2,"language":"OTHER","opaque":0,"serializeTypeCurrentRPC":"JSON","version":479}"#
        )
    }

    @Test("control characters, quotes and backslashes are escaped, everything else is left alone")
    func escaping() throws {
        let value = "a\u{1}b\u{2}\"\\/\n\r\t\u{8}\u{C}\u{1F}\u{7F}é🐦"
        let request = RemotingCommand.request(.sendMessageV2, fields: ["i": value])
        #expect(
            request.headerText.contains(
                #""a\u0001b\u0002\"\\/\n\r\t\b\f\u001f"# + "\u{7F}é🐦\""))
        #expect(try ReceivedCommand(receiving: request).string("i") == value)
    }

    @Test("a long text with escapes comes through", arguments: [63, 64, 65, 1000, 40_000])
    func longTexts(count: Int) throws {
        let value = String(repeating: "\u{1}x\"", count: count)
        let request = RemotingCommand(
            code: 1, remark: value, fields: [HeaderField(name: "i", value: value)])
        let received = try ReceivedCommand(receiving: request)
        #expect(received.string("i") == value)
        #expect(received.remark == value)
    }

    @Test("what is sent is what is received", arguments: [SerializationType.json, .binary])
    func roundTrip(serialization: SerializationType) throws {
        let command = RemotingCommand(
            code: -1000, opaque: .min, flag: 3, version: 0, language: .go, remark: "no \"way\"",
            fields: [
                HeaderField(name: "a", value: ""), HeaderField(name: "b", value: "ü"),
                HeaderField(name: "c", value: "1\u{1}2"),
            ], body: [1, 2, 3])
        let received = try ReceivedCommand(receiving: command, as: serialization)
        #expect(received.serialization == serialization)
        #expect(received.code == -1000)
        #expect(received.opaque == .min)
        #expect(received.isResponse && received.isOneWay)
        #expect(received.version == 0)
        #expect(received.language == .go)
        #expect(received.remark == "no \"way\"")
        #expect(received.allFields.map(\.name) == ["a", "b", "c"])
        #expect(received.allFields.map(\.value) == ["", "ü", "1\u{1}2"])
        #expect(Array(received.body.readableBytesView) == [1, 2, 3])
        #expect(received.withBodyBytes { Array($0) } == [1, 2, 3])
    }

    @Test("a code of more than 16 bits is sent as JSON")
    func largeCode() throws {
        let command = RemotingCommand.request(.popMessage, fields: ["topic": "T"])
        let received = try ReceivedCommand(receiving: command, as: .binary)
        #expect(received.serialization == .json)
        #expect(received.requestCode == .popMessage)
    }

    @Test("a head for a body that comes later counts the body's bytes")
    func headForLaterBody() throws {
        let command = RemotingCommand.response(.success, to: 9, body: Array(repeating: 7, count: 5))
        var buffer = ByteBuffer()
        command.encodeHead(bodyCount: 5, into: &buffer)
        buffer.writeBytes(command.body)
        #expect(Array(buffer.readableBytesView) == command.bytes())
    }

    @Test("frames that lie about their header are refused")
    func headerLengthLies() {
        let valid = RemotingCommand.request(.heartBeat, body: [1, 2, 3, 4])
        let bytes = valid.bytes().dropFirst(4)
        let headerCount = bytes.count - 8
        for lie in [headerCount + 5, 0xFF_FFFF] {
            var frame = ByteBuffer(bytes: bytes)
            frame.setInteger(UInt32(lie), at: 0)
            #expect(throws: FrameError.wrongHeaderLength(bytes: lie, frameBytes: bytes.count)) {
                try ReceivedCommand(frame: frame)
            }
        }
        for lie in 0..<(headerCount + 5) where lie != headerCount {
            var frame = ByteBuffer(bytes: bytes)
            frame.setInteger(UInt32(lie), at: 0)
            #expect(throws: FrameError.self) { try ReceivedCommand(frame: frame) }
        }
    }

    @Test("an unknown serialization and a frame without a header word are refused")
    func unknownForms() {
        #expect(throws: FrameError.unknownSerialization(2)) {
            try ReceivedCommand(frame: frame(type: 2, header: Array("{\"code\":1}".utf8)))
        }
        for count in 0..<4 {
            #expect(throws: FrameError.wrongLength(count)) {
                try ReceivedCommand(frame: ByteBuffer(repeating: 0, count: count))
            }
        }
    }

    @Test("a header cut short anywhere is refused", arguments: [SerializationType.json, .binary])
    func everyTruncation(serialization: SerializationType) throws {
        let command = RemotingCommand(
            code: 310, opaque: 77, remark: "r\u{1}",
            fields: [HeaderField(name: "i", value: "k\u{1}v\u{2}")])
        let header = Array(command.bytes(as: serialization).dropFirst(8))
        _ = try ReceivedCommand(frame: frame(type: serialization.rawValue, header: header))
        for count in 0..<header.count {
            #expect(throws: FrameError.self, "\(count) bytes") {
                try ReceivedCommand(
                    frame: frame(type: serialization.rawValue, header: Array(header[..<count])))
            }
        }
    }

    @Test(
        "every length in a binary header is checked", arguments: [Int32(-1), .min, .max, 21, 1000])
    func binaryLengths(lie: Int32) {
        let header = Array(
            RemotingCommand(
                code: 1, remark: "why", fields: [HeaderField(name: "topic", value: "T")]
            )
            .bytes(as: .binary).dropFirst(8))
        // The remark's length, the fields' length, the value's length.
        for at in [13, 20, 31] {
            var broken = header
            withUnsafeBytes(of: lie.bigEndian) { broken.replaceSubrange(at..<(at + 4), with: $0) }
            #expect(throws: FrameError.self) {
                try ReceivedCommand(frame: frame(type: 1, header: broken))
            }
        }
        var broken = header
        withUnsafeBytes(of: Int16(truncatingIfNeeded: lie).bigEndian) {
            broken.replaceSubrange(24..<26, with: $0)
        }
        #expect(throws: FrameError.self) {
            try ReceivedCommand(frame: frame(type: 1, header: broken))
        }
    }

    @Test("an empty binary value is an empty text, an empty binary remark is none")
    func emptyBinaryTexts() throws {
        let command = RemotingCommand(
            code: 1, remark: "", fields: [HeaderField(name: "topic", value: "")])
        let received = try ReceivedCommand(receiving: command, as: .binary)
        #expect(received.remark == nil)
        #expect(received.string("topic") == "")
        #expect(received.nonEmptyString("topic") == nil)
    }
}
