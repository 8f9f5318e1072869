import Chaos
import MessageFormat
import Testing

@testable import apus

@Suite("messages as text")
struct MessageTextTests {
    private var message: FetchedMessage {
        var properties = MessageProperties()
        properties[PropertyName.tags] = "new"
        properties[PropertyName.uniqueKey] = "ID"
        return FetchedMessage(
            position: QueuePosition(
                MessageQueue(topic: "T", brokerName: "b", queueID: 3), QueueOffset(7)),
            physicalOffset: PhysicalOffset(0), systemFlag: [], bornAt: Timestamp(milliseconds: 0),
            storedAt: Timestamp(milliseconds: 1), bornHost: .unknown, storeHost: .unknown,
            reconsumeTimes: 0, properties: properties, body: Array("hi".utf8), isBodyIntact: true)
    }

    @Test(
        "a template's names are filled in, and what is none is left",
        arguments: [
            ("{topic}/{queue}@{offset} {tag}{keys} {id}: {body}", "T/3@7 new ID: hi"),
            ("{time}", "1970-01-01T00:00:00.001Z"), ("{x} {", "{x} {"), ("", ""), ("}{", "}{"),
        ])
    func template(template: String, expected: String) {
        #expect(MessageText.fill(template, with: self.message) == expected)
    }

    @Test("one line")
    func line() {
        #expect(
            MessageText.line(self.message) == "T/3@7 1970-01-01T00:00:00.001Z tag=new hi")
    }

    @Test("a table is as wide as its cells")
    func table() {
        var table = Table("A", "LONG")
        table.add("wide cell", "x")
        #expect(table.text == "A          LONG\nwide cell  x")
    }
}
