import MessageFormat
import NIOCore
import RemotingProtocol
import Testing

@Suite("Sends and pulls")
struct HotRequestTests {
    private static let properties = Array("KEYS\u{1}k\u{2}TAGS\u{1}TagA\u{2}".utf8)

    private static let full = SendRequest(
        producerGroup: "PG", topic: "T/1", defaultTopic: "TBW102", defaultTopicQueueNums: 8,
        queueID: -1, systemFlag: [.compressed], bornTimestamp: Timestamp(milliseconds: 1_700_000),
        flag: 42, properties: Self.properties, reconsumeTimes: 3, unitMode: true,
        maxReconsumeTimes: 16, isBatch: false, brokerName: "broker-a")

    @Test("a send is read as it was written", arguments: [SerializationType.json, .binary])
    func sendRoundTrip(serialization: SerializationType) throws {
        let command = Self.full.command(body: [1])
        #expect(command.code == 310)
        #expect(
            try SendRequest(ReceivedCommand(receiving: command, as: serialization)) == Self.full)

        var batch = Self.full
        batch.isBatch = true
        batch.maxReconsumeTimes = nil
        batch.brokerName = nil
        let batchCommand = batch.command(oneWay: true)
        #expect(batchCommand.code == 320)
        #expect(batchCommand["m"] == "true")
        #expect(batchCommand.isOneWay)
        #expect(
            try SendRequest(ReceivedCommand(receiving: batchCommand, as: serialization)) == batch)
    }

    @Test(
        "the old C++ client: words for names, mixed numbers and texts, batch \"0\"",
        arguments: [10, 320])
    func oldCppSend(code: Int32) throws {
        let command = try received(
            json: """
                {"code":\(code),"extFields":{"AccessKey":"","OnsChannel":"ALIYUN","Signature":"",
                "batch":"0","bornTimestamp":"1700000000000","defaultTopic":"TBW102",
                "defaultTopicQueueNums":4,"flag":0,"maxReconsumeTimes":"","producerGroup":"PID",
                "properties":"KEYS\\u0001k\\u0002TAGS\\u0001TagA\\u0002","queueId":0,
                "reconsumeTimes":"0","sysFlag":"1","topic":"T","unitMode":"0"},
                "flag":0,"language":"CPP","opaque":5,"version":63}

                """)
        let send = try SendRequest(command)
        #expect(
            send
                == SendRequest(
                    producerGroup: "PID", topic: "T", queueID: 0, systemFlag: [.compressed],
                    bornTimestamp: Timestamp(milliseconds: 1_700_000_000_000),
                    properties: Self.properties))
    }

    @Test("the newer C++ client: letters, numbers and booleans")
    func cppSend() throws {
        let command = try received(
            json: """
                {"code":310,"extFields":{"a":"PG","b":"T","c":"TBW102","d":4,"e":3,"f":0,
                "g":"1700000000000","h":0,"i":"","j":"0","k":"false","l":0,"m":"false",
                "Signature":""},"flag":0,"language":"CPP","opaque":5,"version":333}
                """)
        let send = try SendRequest(command)
        #expect(send.topic == "T")
        #expect(send.queueID == 3)
        #expect(send.properties.isEmpty)
        #expect(send.maxReconsumeTimes == 0)
        #expect(!send.isBatch)
    }

    @Test("letters are read whatever lies between them, and the last of two counts")
    func lettersAmongOthers() throws {
        var fields = Self.full.command().fields
        fields.insert(HeaderField(name: "bname", value: "x"), at: 2)
        fields.append(HeaderField(name: "b", value: "last"))
        fields.append(HeaderField(name: "z", value: "z"))
        fields.append(HeaderField(name: "A", value: "A"))
        fields.append(HeaderField(name: "", value: "empty"))
        let send = try SendRequest(
            ReceivedCommand(receiving: RemotingCommand(code: 310, fields: fields), as: .binary))
        #expect(send.topic == "last")
        #expect(send.producerGroup == "PG")
    }

    @Test(
        "a send that lacks a field is refused by the field's name",
        arguments: zip(
            ["a", "b", "c", "d", "e", "f", "g", "h"],
            [
                "producerGroup", "topic", "defaultTopic", "defaultTopicQueueNums", "queueId",
                "sysFlag", "bornTimestamp", "flag",
            ]))
    func sendWithoutAField(letter: String, name: String) throws {
        var command = Self.full.command()
        command[letter] = nil
        // Without its topic a send looks as if it used the long names; then all are missing.
        let missing = letter == "b" ? "producerGroup" : name
        #expect(throws: HeaderFieldError(field: missing, problem: "is missing")) {
            try SendRequest(ReceivedCommand(receiving: command))
        }
        var wrong = Self.full.command()
        guard !["a", "b", "c"].contains(letter) else { return }
        wrong[letter] = "x"
        #expect(throws: HeaderFieldError.self) {
            try SendRequest(ReceivedCommand(receiving: wrong))
        }
    }

    @Test("a pull is read as it was written", arguments: [SerializationType.json, .binary])
    func pullRoundTrip(serialization: SerializationType) throws {
        let pull = PullRequest(
            consumerGroup: "CG", topic: "T", queueID: 3, queueOffset: 1 << 40, maxMessages: 16,
            pullFlag: [.suspend, .subscription], commitOffset: 5,
            suspendTimeoutMilliseconds: 20_000,
            subscription: "TagA || TagB", subscriptionVersion: 17, expressionType: "TAG",
            maxMessageBytes: 1 << 18, brokerName: "broker-a")
        #expect(pull.command.code == 11)
        #expect(
            try PullRequest(ReceivedCommand(receiving: pull.command, as: serialization)) == pull)

        var lite = pull
        lite.pullFlag = [.litePull]
        #expect(lite.command.code == 361)
        #expect(try PullRequest(ReceivedCommand(receiving: lite.command)) == lite)

        // The code alone says it too.
        var bare = lite.command
        bare["sysFlag"] = "0"
        #expect(try PullRequest(ReceivedCommand(receiving: bare)).pullFlag == [.litePull])
    }

    @Test("the Go client's empty subscription asks for everything")
    func emptySubscription() throws {
        let pull = try PullRequest(
            received(
                fields:
                    #""consumerGroup":"G","topic":"T","queueId":"0","queueOffset":"0","maxMsgNums":"32","sysFlag":"3","commitOffset":"0","suspendTimeoutMillis":"20000","subscription":"","subVersion":"0","expressionType":"TAG""#
            ))
        #expect(pull.subscription == nil)
        #expect(pull.pullFlag == [.commitOffset, .suspend])
        #expect(pull.expressionType == "TAG")
    }

    @Test(
        "a pull that lacks a field is refused by the field's name",
        arguments: ["consumerGroup", "topic", "queueId", "queueOffset", "maxMsgNums", "sysFlag"])
    func pullWithoutAField(name: String) throws {
        var command = PullRequest(consumerGroup: "G", topic: "T", queueID: 0, queueOffset: 0)
            .command
        command[name] = nil
        #expect(throws: HeaderFieldError(field: name, problem: "is missing")) {
            try PullRequest(ReceivedCommand(receiving: command))
        }
    }

    @Test(
        "the answer to a send, written by hand, is the answer as a command",
        arguments: [SerializationType.json, .binary])
    func sendResponse(serialization: SerializationType) throws {
        let plain = SendResponse(
            opaque: -7, messageIDs: .several("7F00000100002A9F00000000000004D2"), queueID: 3,
            queueOffset: .max)
        var full = plain
        full.transactionID = "0A\"0B"
        full.remark = String(repeating: "späte \u{1}", count: 30)
        full.code = .flushDiskTimeout
        var batch = plain
        batch.messageIDs = .several(
            Array(repeating: plain.messageIDs.text, count: 500).joined(separator: ","))
        for response in [plain, full, batch] {
            var buffer = ByteBuffer()
            buffer.writeBytes([9, 9])
            response.encode(into: &buffer, as: serialization)
            #expect(
                Array(buffer.readableBytesView.dropFirst(2))
                    == response.command.bytes(as: serialization))
            let received = try ReceivedCommand(receiving: response.command, as: serialization)
            #expect(try SendResponse(received) == response)
            #expect(received.string("MSG_REGION") == "DefaultRegion")
            #expect(received.string("TRACE_ON") == "true")
        }
    }

    @Test(
        "the id of one message is written as its text is",
        arguments: [
            HostAddress(ip: [10, 0, 255, 1], port: 10911),
            HostAddress(ip: (0..<16).map { $0 * 16 + 15 }, port: .max),
        ])
    func oneMessageID(storeHost: HostAddress) throws {
        let id = OffsetMessageID(storeHost: storeHost, physicalOffset: PhysicalOffset(0x1_ABCD_EF))
        let one = SendResponse(opaque: 1, messageIDs: .one(id), queueID: 0, queueOffset: 0)
        var buffer = ByteBuffer()
        one.encode(into: &buffer)
        #expect(Array(buffer.readableBytesView) == one.command.bytes(as: .json))
        #expect(one.command["msgId"] == id.text)
    }

    @Test(
        "the head of a pull's answer, written by hand, is the answer as a command",
        arguments: [SerializationType.json, .binary])
    func pullResponse(serialization: SerializationType) throws {
        let body: [UInt8] = [1, 2, 3, 4]
        for remark in [nil, "gone \u{2}"] {
            let response = PullResponse(
                opaque: 9, code: .pullOffsetMoved, suggestWhichBrokerID: 1, nextBeginOffset: .min,
                minOffset: 0, maxOffset: .max, remark: remark)
            var buffer = ByteBuffer()
            response.encodeHead(bodyCount: body.count, into: &buffer, as: serialization)
            buffer.writeBytes(body)
            var command = response.command
            command.body = body
            #expect(Array(buffer.readableBytesView) == command.bytes(as: serialization))
            #expect(
                try PullResponse(ReceivedCommand(receiving: command, as: serialization)) == response
            )
        }
    }
}
