import RemotingProtocol
import Testing

@Suite("JSON values")
struct JSONValueTests {
    @Test(
        "compact text comes back as it was",
        arguments: [
            "null", "true", "false", "0", "-1", "9223372036854775807", "-9223372036854775808",
            "0.5", #""""#, #""a\"b\\c\n\u0001é""#, "[]", "{}", #"[1,"2",[3],{"a":null}]"#,
            #"{"b":1,"a":{"c":[true]}}"#, #"{0:"x",1:"y"}"#, #"{{"queueId":0}:{"a":1}}"#,
        ])
    func roundTrip(text: String) throws {
        #expect(try JSONValue(parsing: text).encodedText == text)
    }

    @Test("blanks between tokens mean nothing")
    func whitespace() throws {
        let value = try JSONValue(parsing: " \n{ \"a\" :\t[ 1 , 2 ]\r\n, 0 : null } \n")
        #expect(value.encodedText == #"{"a":[1,2],0:null}"#)
    }

    @Test("numbers, texts and booleans stand for each other")
    func leniency() throws {
        let value = try JSONValue(
            parsing: #"{"n":"42","t":7,"d":1.0,"e":1e3,"b":"TRUE","big":99999999999,"z":null}"#)
        #expect(value["n"]?.int32 == 42)
        #expect(value["t"]?.text == "7")
        #expect(value["d"]?.int64 == 1)
        #expect(value["e"]?.int32 == 1000)
        #expect(value["e"]?.double == 1000)
        #expect(value["b"]?.boolean == true)
        #expect(value["big"]?.int32 == nil)
        #expect(value["big"]?.int64 == 99_999_999_999)
        #expect(value["z"] == nil)
        #expect(value["nowhere"] == nil)
        #expect(JSONValue.double(.infinity).encodedText == "0.0")
        #expect(JSONValue.double(.greatestFiniteMagnitude).int64 == nil)
    }

    @Test("of two members with one name the last counts")
    func duplicates() throws {
        #expect(try JSONValue(parsing: #"{"a":1,"a":2}"#)["a"] == 2)
    }

    @Test("literals build values")
    func literals() {
        let value: JSONValue = ["a": 1, "b": [true, nil, "x", 0.5], "c": [:]]
        #expect(value.encodedText == #"{"a":1,"b":[true,null,"x",0.5],"c":{}}"#)
        #expect(JSONValue.sorted(["b": 1, "a": 2]).encodedText == #"{"a":2,"b":1}"#)
    }

    @Test(
        "what is no JSON is refused",
        arguments: [
            "", " ", "{", "[", "]", "}", "[1", "[1,", "[1,]", #"{"a""#, #"{"a":"#, #"{"a":1,"#,
            #"{"a":1,}"#, #"{:1}"#, #"{,}"#, "tru", "nul", "--1", "1x", "01e", "+", "1 2", #""a"#,
            #""a\"#, "[1 2]", #"{"a" 1}"#, "{[]:1}", "{{:1}", "NaN", "inf", "0x10", "1e999", "'a'",
        ])
    func malformed(text: String) {
        #expect(throws: BodyError.self) { try JSONValue(parsing: text) }
    }

    @Test("depth has a limit, in values and in names alike")
    func depth() throws {
        func nested(_ count: Int) -> String {
            String(repeating: "[", count: count) + String(repeating: "]", count: count)
        }
        #expect(throws: Never.self) { try JSONValue(parsing: nested(32)) }
        #expect(throws: BodyError.self) { try JSONValue(parsing: nested(33)) }
        #expect(throws: BodyError.self) { try JSONValue(parsing: nested(1_000)) }
        #expect(throws: BodyError.self) {
            try JSONValue(parsing: String(repeating: "{", count: 1_000_000))
        }
        #expect(throws: BodyError.self) {
            try JSONValue(parsing: String(repeating: #"{"a":"#, count: 1_000_000))
        }
    }

    @Test("the number of values has a limit")
    func valueCount() {
        let zeros = String(repeating: "0,", count: (1 << 20) - 1)
        #expect {
            try JSONValue(parsing: "[\(zeros)0]")
        } throws: { error in
            guard case BodyError.malformed(_, let problem)? = error as? BodyError else {
                return false
            }
            return problem == "more than 1048576 values"
        }
    }

    @Test("cut short anywhere, a body is refused")
    func everyTruncation() throws {
        let bytes = HeartbeatData(
            clientID: "c\u{1}", producers: ["p"],
            consumers: [
                ConsumerData(
                    group: "g", subscriptions: [SubscriptionData(topic: "T", expression: "A")])
            ]
        ).encoded
        for count in 0..<bytes.count {
            #expect(throws: BodyError.self, "\(count) bytes") {
                try HeartbeatData(parsing: Array(bytes[..<count]))
            }
        }
    }

    @Test("damaged bodies never trap", arguments: Array(0..<20) as [UInt64])
    func randomDamage(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let text =
            #"{"offsetTable":{{"brokerName":"b","queueId":0,"topic":"T"}:{"maxOffset":5}},"clientID":"c","brokerAddrs":{0:"a"},"topicConfigTable":{"T":{"perm":6}}}"#
        for _ in 0..<300 {
            var bytes = Array(text.utf8)
            for _ in 0..<Int.random(in: 1...5, using: &random) {
                let at = Int.random(in: 0..<bytes.count, using: &random)
                bytes[at] =
                    Bool.random(using: &random)
                    ? UInt8.random(in: 0...255, using: &random)
                    : Array("\"\\{}[],:u".utf8).randomElement(using: &random) ?? 0
            }
            _ = try? TopicStatsTable(parsing: bytes)
            _ = try? HeartbeatData(parsing: bytes)
            _ = try? RegisterBrokerBody(parsing: bytes)
            _ = try? ClusterInfo(parsing: bytes)
        }
    }
}
