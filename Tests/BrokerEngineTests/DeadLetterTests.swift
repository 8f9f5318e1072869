import BrokerEngine
import DeliveryCore
import LogCore
import MessageFormat
import RemotingProtocol
import Testing

@Suite("Dead letters are looked through, sent again once, and purged")
struct DeadLetterTests {
    /// Letters of the group CG, sent to topic T with keys K0, K1, ….
    private func bench(letters: Int = 3) -> EngineBench {
        var bench = EngineBench()
        bench.request(Requests.heartbeat("c1"))
        for number in 0..<letters {
            bench.request(
                Requests.send(
                    "work \(number)",
                    properties: "UNIQ_KEY\u{1}U\(number)\u{2}KEYS\u{1}K\(number)\u{2}"))
        }
        bench.settle()
        for entry in self.entries(&bench, "T") {
            bench.request(
                .request(
                    .consumerSendMessageBack,
                    fields: [
                        "offset": String(entry.position.bytes), "group": "CG",
                        "delayLevel": "-1", "apusError": "no luck",
                    ]))
        }
        bench.settle()
        return bench
    }

    private func entries(_ bench: inout EngineBench, _ topic: String) -> [IndexEntry] {
        let pull = bench.request(Requests.pull(topic: topic, offset: 0))
        return bench.answer(to: pull)?.entries ?? []
    }

    private func list(_ bench: inout EngineBench, group: String? = nil) throws -> DeadLetterList {
        var command = RemotingCommand.request(.listDeadLetters)
        command["group"] = group
        let opaque = bench.request(command)
        return try DeadLetterList(parsing: try #require(bench.answer(to: opaque)).body)
    }

    private func replay(_ entry: IndexEntry, at offset: Int64) -> RemotingCommand {
        .request(
            .replayDeadLetter,
            fields: [
                "group": "CG", "queueId": "0", "queueOffset": String(offset),
                "offset": String(entry.position.bytes),
            ])
    }

    private func properties(_ bench: inout EngineBench, _ topic: String) -> [MessageProperties] {
        let pull = bench.request(Requests.pull(topic: topic, offset: 0))
        return bench.messages(of: pull) { $0.properties }
    }

    @Test("the list counts what waits; a letter carries why it died")
    func lists() throws {
        var bench = self.bench()
        let queue = try #require(try self.list(&bench).queues.first)
        #expect(queue.group == "CG")
        #expect((queue.first, queue.end) == (QueueOffset(0), QueueOffset(3)))
        #expect(queue.waiting == 3)
        let note = try #require(DeadLetterNote(self.properties(&bench, "%DLQ%CG")[0]))
        #expect(note.error == "no luck")
        #expect(note.consumer == "c1")
        #expect(note.originTopic == "T")
    }

    @Test("a letter goes back to its topic as it was, once, however often it is asked for")
    func replays() throws {
        var bench = self.bench()
        let letters = self.entries(&bench, "%DLQ%CG")
        for _ in 0..<3 {
            let replay = bench.request(self.replay(letters[1], at: 1))
            bench.settle()
            #expect(bench.answer(to: replay)?.code == .success)
        }
        let again = self.properties(&bench, "T").dropFirst(3) + self.replayed(&bench)
        #expect(again.map { $0["UNIQ_KEY"] } == ["U1"])
        #expect(again.map { $0["KEYS"] } == ["K1"])
        #expect(again.first?["APUS_DLQ_ERROR"] == nil)
        #expect(again.first?["ORIGIN_MESSAGE_ID"] != nil)
        let queue = try #require(try self.list(&bench, group: "CG").queues.first)
        #expect(queue.waiting == 2)
        #expect(queue.replayed == 1)
        #expect(queue.replayedAt != nil)
        #expect(queue.stretches == [QueueOffset(1)..<QueueOffset(2)])
    }

    /// Messages of T that came back, in the queues that producers here do not use.
    private func replayed(_ bench: inout EngineBench) -> [MessageProperties] {
        (1..<4).flatMap { queueID in
            let pull = bench.request(Requests.pull(queue: Int32(queueID), offset: 0))
            return bench.messages(of: pull) { $0.properties }
        }
    }

    @Test("wherever the disk stops, the message is there if and only if the mark is")
    func restarts() throws {
        var bench = self.bench(letters: 5)
        let letters = self.entries(&bench, "%DLQ%CG")
        for offset in [0, 3, 4, 1] {
            bench.request(self.replay(letters[offset], at: Int64(offset)))
            bench.settle()
        }
        for batches in 6...bench.disk.count {
            var restarted = try EngineBench(restarting: bench, batches: batches)
            let again = self.properties(&restarted, "T").count + self.replayed(&restarted).count
            let marked = try self.list(&restarted).queues.first?.replayed ?? 0
            #expect(Int(marked) == max(0, again - 5), "after \(batches) batches")
        }
        var restarted = try EngineBench(restarting: bench)
        for (offset, letter) in letters.enumerated() {
            restarted.request(self.replay(letter, at: Int64(offset)))
        }
        restarted.settle()
        let keys = (self.properties(&restarted, "T") + self.replayed(&restarted))
            .filter { $0["APUS_DLQ_REPLAYED_AT"] != nil }.compactMap { $0["UNIQ_KEY"] }
        #expect(keys.sorted() == ["U0", "U1", "U2", "U3", "U4"])
    }

    @Test("what is purged is neither listed nor sent again, also after a start")
    func purges() throws {
        var bench = self.bench()
        let letters = self.entries(&bench, "%DLQ%CG")
        let purge = bench.request(
            .request(
                .purgeDeadLetters, fields: ["group": "CG", "queueId": "0", "below": "2"]))
        bench.settle()
        #expect(bench.answer(to: purge)?.code == .success)
        let replay = bench.request(self.replay(letters[0], at: 0))
        #expect(bench.answer(to: replay)?.code == .queryNotFound)
        var restarted = try EngineBench(restarting: bench)
        let queue = try #require(try self.list(&restarted).queues.first)
        #expect(queue.first == QueueOffset(2))
        #expect(queue.waiting == 1)
        #expect(queue.purgedAt != nil)
    }

    @Test("what is no dead letter of that group, or has nowhere to go, is refused")
    func refused() throws {
        var bench = self.bench()
        let letters = self.entries(&bench, "%DLQ%CG")
        let wrong = bench.request(self.replay(letters[0], at: 1))
        #expect(bench.answer(to: wrong)?.code == .systemError)
        let noLetter = bench.request(self.replay(self.entries(&bench, "T")[0], at: 0))
        #expect(bench.answer(to: noLetter)?.code == .systemError)
        bench.request(.request(.deleteTopicInBroker, fields: ["topic": "T"]))
        bench.settle()
        let nowhere = bench.request(self.replay(letters[0], at: 0))
        #expect(bench.answer(to: nowhere)?.code == .topicNotExist)
        #expect(try self.list(&bench).queues.first?.waiting == 3)
    }

    @Test("a consumer that could not give back says why when it sends to the retry topic")
    func sendsToRetryTopic() throws {
        var bench = self.bench(letters: 0)
        var send = Requests.send("work", topic: "%RETRY%CG")
        send["j"] = "17"
        send["l"] = "16"
        send["apusError"] = "the disk is full"
        bench.request(send)
        bench.settle()
        let note = try #require(
            self.properties(&bench, "%DLQ%CG").first.flatMap { DeadLetterNote($0) })
        #expect(note.error == "the disk is full")
        #expect(note.consumer == "c1")
    }
}
