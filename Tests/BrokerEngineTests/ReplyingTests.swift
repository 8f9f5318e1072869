import BrokerEngine
import MessageFormat
import RemotingProtocol
import Testing

@Suite("A reply reaches the producer that asked")
struct ReplyingTests {
    private func bench() -> EngineBench {
        var bench = EngineBench()
        let data = HeartbeatData(clientID: "requester", producers: ["PG", "PG2"])
        bench.request(.request(.heartBeat, body: data.encoded), from: 7)
        return bench
    }

    private func reply(to client: String?) -> RemotingCommand {
        var properties = "CORRELATION_ID\u{1}id-1\u{2}"
        if let client { properties += "REPLY_TO_CLIENT\u{1}\(client)\u{2}" }
        var command = Requests.send(
            "answer", topic: "DefaultCluster_REPLY_TOPIC", properties: properties)
        command.code = RequestCode.sendReplyMessageV2.rawValue
        return command
    }

    private func pushed(_ bench: EngineBench) -> RemotingCommand? {
        bench.notified.last {
            $0.command.code == RequestCode.pushReplyMessageToClient.rawValue
        }?.command
    }

    @Test("it is pushed on the producer's connection; the producer's answer is the sender's")
    func pushes() throws {
        var bench = self.bench()
        let reply = bench.request(self.reply(to: "requester"))
        let push = try #require(self.pushed(bench))
        #expect(push.body == Array("answer".utf8))
        #expect(push.fields.first { $0.name == "topic" }?.value == "DefaultCluster_REPLY_TOPIC")
        let properties = push.fields.first { $0.name == "properties" }?.value ?? ""
        #expect(MessageProperties(parsing: properties)["CORRELATION_ID"] == "id-1")
        bench.settle()
        #expect(bench.answer(to: reply) == nil)
        bench.respond(.response(.success, to: push.opaque), from: 7)
        #expect(bench.answer(to: reply)?.code == .success)
        #expect(bench.field("msgId", of: reply) == "0")
        let pull = bench.request(
            Requests.pull(topic: "DefaultCluster_REPLY_TOPIC", offset: 0))
        #expect(bench.answer(to: pull)?.entries.count == 1)
    }

    @Test("nobody there, nobody named, no answer, an error, a closed connection: the sender hears")
    func failures() throws {
        var bench = self.bench()
        for client in ["stranger", nil] {
            let reply = bench.request(self.reply(to: client))
            #expect(bench.answer(to: reply)?.code == .systemError)
        }
        let refused = bench.request(self.reply(to: "requester"))
        bench.respond(
            .response(.systemError, to: try #require(self.pushed(bench)).opaque), from: 7)
        #expect(bench.answer(to: refused)?.code == .systemError)
        let silent = bench.request(self.reply(to: "requester"))
        bench.pass(.seconds(11))
        #expect(bench.answer(to: silent)?.code == .systemError)
        let closed = bench.request(self.reply(to: "requester"))
        bench.close(7)
        #expect(bench.answer(to: closed)?.code == .systemError)
        let gone = bench.request(self.reply(to: "requester"))
        #expect(bench.answer(to: gone)?.remark?.contains("not found") == true)
    }
}
