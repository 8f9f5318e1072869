import NIOCore
import RemotingProtocol
import Testing

@Suite("JSON headers as clients write them")
struct JSONHeaderTests {
    @Test("the C++ client: numbers and booleans for texts, blanks, a newline at the end")
    func cppHeader() throws {
        let command = try received(
            json: """
                {"code" : 310, "extFields" : { "a":"PG", "d" : 4,"e":-1 , "k": false, "m": true,
                "big": 9223372036854775807, "half": 0.5, "Signature":"", "none": null },
                "flag":0,"language":"CPP","opaque":12,"version":333}

                """)
        #expect(command.requestCode == .sendMessageV2)
        #expect(command.language == .cpp)
        #expect(command.version == 333)
        #expect(command.opaque == 12)
        #expect(command.string("a") == "PG")
        #expect(try command.int32("d") == 4)
        #expect(try command.int32("e") == -1)
        #expect(try command.bool("k") == false)
        #expect(try command.bool("m") == true)
        #expect(command.string("m") == "true")
        #expect(try command.int64("big") == .max)
        #expect(command.string("half") == "0.5")
        #expect(command.string("Signature") == "")
        #expect(command.nonEmptyString("Signature") == nil)
        #expect(command.string("none") == nil)
    }

    @Test("unknown keys are skipped, whatever lies under them")
    func unknownKeys() throws {
        let command = try received(
            json:
                #"{"x":{"code":9,"y":["}",{"z":[[]]},"\\\""]},"code":34,"w":[],"v":-1e9,"u":null}"#)
        #expect(command.code == 34)
        #expect(command.allFields.isEmpty)
    }

    @Test("headers without extFields, with null and with none", arguments: ["null", "{}", "{ }"])
    func noFields(value: String) throws {
        #expect(try received(json: #"{"code":1,"extFields":\#(value)}"#).allFields.isEmpty)
        #expect(try received(json: #"{"code":1}"#).allFields.isEmpty)
    }

    @Test("numbers of the header may be texts or null")
    func lenientNumbers() throws {
        let command = try received(json: #"{"code":"105","opaque":"-3","version":null,"flag":"1"}"#)
        #expect(command.code == 105)
        #expect(command.opaque == -3)
        #expect(command.version == 0)
        #expect(command.isResponse)
    }

    @Test("an unknown language is OTHER")
    func unknownLanguage() throws {
        #expect(try received(json: #"{"code":1,"language":"KLINGON"}"#).language == .other)
        #expect(try received(json: #"{"code":1,"language":null}"#).language == .other)
        #expect(try received(json: #"{"code":1,"language":"GO"}"#).language == .go)
    }

    @Test(
        "escapes are resolved when asked for",
        arguments: [
            (#"a\u0001b\u0002"#, "a\u{1}b\u{2}"), (#"\"\\\/\b\f\n\r\t"#, "\"\\/\u{8}\u{C}\n\r\t"),
            (#"\u00e9\u00C9"#, "éÉ"), (#"\uD83D\uDC26"#, "🐦"), (#"x\ud83d"#, "x\u{FFFD}"),
            (#"\udc26x"#, "\u{FFFD}x"), (#"\ud83d\u0041"#, "\u{FFFD}A"),
            (#"\uD83D\uD83D\uDC26"#, "\u{FFFD}🐦"), (#"\u0000"#, "\0"), (#"\u12"#, #"\u12"#),
            (#"\uXYZW"#, #"\uXYZW"#), (#"\q"#, "q"), ("日本\u{7F}", "日本\u{7F}"),
        ])
    func escapes(written: String, meant: String) throws {
        let command = try received(fields: #""i":"\#(written)""#)
        #expect(command.string("i") == meant)
        #expect(command.allFields.first?.value == meant)
    }

    @Test("a name may be escaped too")
    func escapedName() throws {
        let command = try received(fields: #""to\u0070ic":"T","queueId":7"#)
        #expect(command.string("topic") == "T")
        #expect(command.allFields.map(\.name) == ["topic", "queueId"])
    }

    @Test("bytes that are no UTF-8 become replacement characters")
    func brokenText() throws {
        var header = Array(#"{"code":1,"extFields":{"i":"x"}}"#.utf8)
        header[28] = 0xFF
        #expect(
            try ReceivedCommand(frame: frame(type: 0, header: header)).string("i") == "\u{FFFD}")
    }

    @Test("of two fields with one name the last counts")
    func duplicates() throws {
        let command = try received(fields: #""topic":"A","topic":"B""#)
        #expect(command.string("topic") == "B")
    }

    @Test("names match whole, not by their beginnings")
    func wholeNames() throws {
        let command = try received(fields: #""topicX":"no","topi":"no","Topic":"no""#)
        #expect(command.string("topic") == nil)
    }

    @Test(
        "integers are read strictly",
        arguments: [
            "1.0", "1e3", "x", " 1", "2147483648", "-2147483649", "-", "+", "99999999999999999999",
        ])
    func badIntegers(text: String) throws {
        let command = try received(fields: #""queueId":"\#(text)""#)
        #expect(
            throws: HeaderFieldError(field: "queueId", problem: "is not an integer of 32 bits")
        ) { try command.int32("queueId") }
    }

    @Test("the ends of the integers are read")
    func integerEnds() throws {
        let command = try received(
            fields:
                #""a":"-2147483648","b":"2147483647","c":"-9223372036854775808","d":"+5","e":"\u0037""#
        )
        #expect(try command.int32("a") == .min)
        #expect(try command.int32("b") == .max)
        #expect(try command.int64("c") == .min)
        #expect(try command.int32("d") == 5)
        #expect(try command.int32("e") == 7)
    }

    @Test("an empty text is an absent number, and a required one is missed by name")
    func emptyAndMissing() throws {
        let command = try received(fields: #""queueId":"","topic":"""#)
        #expect(try command.int32("queueId") == nil)
        #expect(try command.int64("nowhere") == nil)
        #expect(try command.bool("queueId") == nil)
        #expect(try command.requiredString("topic") == "")
        #expect(throws: HeaderFieldError(field: "queueId", problem: "is missing")) {
            try command.requiredInt32("queueId")
        }
        #expect(throws: HeaderFieldError(field: "offset", problem: "is missing")) {
            try command.requiredInt64("offset")
        }
        #expect(throws: HeaderFieldError(field: "group", problem: "is missing")) {
            try command.requiredString("group")
        }
        #expect(throws: HeaderFieldError(field: "batch", problem: "is missing")) {
            try command.requiredBool("batch")
        }
        let error = HeaderFieldError(field: "topic", problem: "is missing")
        #expect("\(error)" == "the header field topic is missing")
    }

    @Test(
        "booleans: true in any case and 1 are true, the rest is false",
        arguments: [
            ("true", true), ("TRUE", true), ("True", true), ("1", true), ("false", false),
            ("0", false), ("yes", false), ("truee", false), ("t", false),
        ])
    func booleans(text: String, meant: Bool) throws {
        #expect(try received(fields: #""m":"\#(text)""#).bool("m") == meant)
    }

    @Test(
        "what is no header is refused",
        arguments: [
            "", " ", "{", "{}", "[]", "1", "null", #"{"code"}"#, #"{"code":}"#, #"{"code":1"#,
            #"{"code":1}}"#, #"{"code":1} x"#, #"{"code":1,}"#, #"{code:1}"#, #"{"code":1.5}"#,
            #"{"code":2147483648}"#, #"{"code":true}"#, #"{"code":{}}"#, #"{"opaque":1}"#,
            #"{"code":1,"extFields":[]}"#, #"{"code":1,"extFields":"x"}"#, #"{"code":1 "flag":0}"#,
            #"{"code":1,"extFields":{"a":{}}}"#, #"{"code":1,"extFields":{"a":[1]}}"#,
            #"{"code":1,"extFields":{"a":truth}}"#, #"{"code":1,"extFields":{"a":"b}}"#,
            #"{"code":1,"remark":{}}"#, #"{"code":1,"x":[}"#, #"{"code":1,"x":]}"#,
            #"{"code":1,"x":,}"#, #"{"code":1,"x":"\"#,
        ])
    func malformed(header: String) {
        #expect(throws: FrameError.self) { try received(json: header) }
    }

    @Test("a thousand levels are refused, thirty-two under an unknown key are not")
    func nesting() throws {
        func header(_ depth: Int) -> String {
            let (open, close) = (
                String(repeating: "[", count: depth), String(repeating: "]", count: depth)
            )
            return #"{"code":1,"x":\#(open)\#(close)}"#
        }
        #expect(try received(json: header(32)).code == 1)
        #expect(throws: FrameError.self) { try received(json: header(33)) }
        #expect(throws: FrameError.self) { try received(json: header(1000)) }
        let objects = String(repeating: #"{"a":"#, count: 1000)
        #expect(throws: FrameError.self) { try received(json: #"{"code":1,"x":\#(objects)"#) }
    }

    @Test(
        "more fields than anybody needs are refused", arguments: [SerializationType.json, .binary])
    func tooManyFields(serialization: SerializationType) throws {
        func command(_ count: Int) -> RemotingCommand {
            RemotingCommand(
                code: 1, fields: (0..<count).map { HeaderField(name: "f\($0)", value: "v") })
        }
        #expect(
            try ReceivedCommand(receiving: command(1024), as: serialization).allFields.count == 1024
        )
        #expect(throws: FrameError.tooManyFields(limit: 1024)) {
            try ReceivedCommand(receiving: command(1025), as: serialization)
        }
    }
}
