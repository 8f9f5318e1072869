import MessageFormat
import RemotingProtocol
import Testing

@Suite("Requests and answers of pops")
struct PopTypesTests {
    @Test("requests come back as they were sent")
    func requests() throws {
        let pop = PopRequest(
            consumerGroup: "CG", topic: "T", queueID: 3, maxMessages: 8, invisibleTime: 5_000,
            pollTime: 1_000, bornTime: 1_700_000_000_000, startMode: 1, expression: "A || B",
            expressionType: "TAG", isOrdered: true, attemptID: "x")
        #expect(try PopRequest(ReceivedCommand(receiving: pop.command)) == pop)
        let ack = AcknowledgeRequest(
            consumerGroup: "CG", topic: "T", queueID: 3, extraInfo: "0 1 2 0 0 b 3 7", offset: 7)
        #expect(try AcknowledgeRequest(ReceivedCommand(receiving: ack.command)) == ack)
        let change = ChangeInvisibleTimeRequest(message: ack, invisibleTime: 9)
        #expect(
            try ChangeInvisibleTimeRequest(ReceivedCommand(receiving: change.command)) == change)
        let notification = NotificationRequest(
            consumerGroup: "CG", topic: "T", pollTime: 5, bornTime: 6, isOrdered: true)
        #expect(
            try NotificationRequest(ReceivedCommand(receiving: notification.command))
                == notification)
    }

    @Test("an answer's fields have the wire's names; counts only where there are any")
    func response() throws {
        let response = PopResponse(
            opaque: 7, popTime: 1, invisibleTime: 2, reviveQueue: 0, rest: 3,
            startOffsetInfo: "0 0 5", messageOffsetInfo: "0 0 5,6")
        #expect(
            response.command.fields.map(\.name) == [
                "invisibleTime", "msgOffsetInfo", "popTime", "restNum", "reviveQid",
                "startOffsetInfo",
            ])
        #expect(try PopResponse(ReceivedCommand(receiving: response.command)) == response)
    }

    @Test("a batch of acknowledgements as Java writes it, and with long names")
    func batch() throws {
        let text = """
            {"acks":[{"b":"CQI=","c":"CG","it":60000,"pt":1700000000000,"q":0,"r":"0","rq":2,\
            "so":100,"t":"T"}],"brokerName":"broker-a"}
            """
        let body = try BatchAcknowledgeBody(parsing: Array(text.utf8))
        #expect(body.acknowledgements.first?.startOffset == 100)
        #expect(String(decoding: body.encoded, as: UTF8.self) == text)
        let long = """
            {"acks":[{"bitSet":"CQI=","consumerGroup":"CG","invisibleTime":60000,\
            "popTime":1700000000000,"queueId":0,"retry":"0","reviveQueueId":2,\
            "startOffset":100,"topic":"T"}],"brokerName":"broker-a"}
            """
        #expect(try BatchAcknowledgeBody(parsing: Array(long.utf8)) == body)
    }

    @Test("assignments as Java reads them")
    func assignments() throws {
        let text = """
            {"messageQueueAssignments":[{"messageQueue":{"brokerName":"broker-a","queueId":-1,\
            "topic":"T"},"mode":"POP"}]}
            """
        let assignments = QueueAssignments(items: [
            .init(
                queue: MessageQueue(topic: "T", brokerName: "broker-a", queueID: -1), mode: "POP")
        ])
        #expect(String(decoding: assignments.encoded, as: UTF8.self) == text)
        #expect(try QueueAssignments(parsing: Array(text.utf8)) == assignments)
        let query = """
            {"clientId":"c","consumerGroup":"CG","messageModel":"CLUSTERING",\
            "strategyName":"AVG","topic":"T"}
            """
        let asked = QueryAssignmentBody(clientID: "c", consumerGroup: "CG", topic: "T")
        #expect(try QueryAssignmentBody(parsing: Array(query.utf8)) == asked)
        #expect(String(decoding: asked.encoded, as: UTF8.self) == query)
    }

    @Test("the list of modes is a table by topic and group")
    func modes() throws {
        let list = RequestModeList(choices: [
            RequestModeBody(consumerGroup: "CG", topic: "T", mode: "POP", popShareQueues: -1)
        ])
        #expect(
            String(decoding: list.encoded, as: UTF8.self) == """
                {"messageRequestModeMap":{"T":{"CG":{"consumerGroup":"CG","mode":"POP",\
                "popShareQueueNum":-1,"topic":"T"}}}}
                """)
        #expect(try RequestModeList(parsing: list.encoded) == list)
    }
}
