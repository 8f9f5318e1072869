import BrokerEngine
import MessageFormat
import RemotingProtocol
import Testing

@Suite("Unacked means redelivered: the group hears at once")
struct MembershipTests {
    private func notified(_ bench: EngineBench) -> [UInt64] {
        bench.others.compactMap { effect in
            guard case .notify(let connection, let command) = effect,
                command.code == RequestCode.notifyConsumerIDsChanged.rawValue
            else { return nil }
            return connection.value
        }
    }

    @Test("a closed connection's group hears of it in the same turn")
    func closing() {
        var bench = EngineBench()
        bench.request(Requests.heartbeat("c1"), from: 1)
        bench.request(Requests.heartbeat("c2"), from: 2)
        let before = self.notified(bench).count
        bench.close(2)
        #expect(self.notified(bench).dropFirst(before) == [1])
        let list = bench.request(
            .request(.getConsumerListByGroup, fields: ["consumerGroup": "CG"]))
        #expect(bench.answer(to: list)?.code == .success)
    }

    @Test("an empty group has no list of consumers")
    func emptyGroup() {
        var bench = EngineBench()
        let list = bench.request(
            .request(.getConsumerListByGroup, fields: ["consumerGroup": "Nobody"]))
        #expect(bench.answer(to: list)?.code == .systemError)
    }

    @Test("a stranger's heartbeats fill a bounded room, and the one that is too much is refused")
    func flood() {
        var bench = EngineBench(EngineBench.settings(segmentBytes: 8 << 20))
        let topics = (0..<2_000).map { number in
            SubscriptionData(
                topic: "T\(number)", expression: String(repeating: "x", count: 2_000),
                expressionType: "SQL92", version: 1)
        }
        var codes: [ResponseCode?] = []
        for number in 0..<12 {
            let consumer = ConsumerData(
                group: "G\(number)", consumeType: .passively, messageModel: .clustering,
                consumeFromWhere: .lastOffset, subscriptions: topics, unitMode: false)
            let data = HeartbeatData(clientID: "c", producers: [], consumers: [consumer])
            let beat = bench.request(.request(.heartBeat, body: data.encoded))
            bench.settle()
            codes.append(bench.answer(to: beat)?.code)
        }
        #expect(codes.first == .success)
        #expect(codes.last == .systemBusy)
        let long = HeartbeatData(
            clientID: String(repeating: "c", count: 256), producers: ["PG"], consumers: [])
        let beat = bench.request(.request(.heartBeat, body: long.encoded))
        #expect(bench.answer(to: beat)?.code == .systemError)
    }

    @Test("commits of a short while share one record, and survive")
    func gatheredCommits() throws {
        var bench = EngineBench()
        bench.request(Requests.send())
        bench.complete()
        let before = bench.disk.count
        for offset in 0..<100 {
            var commit = Requests.commit(Int64(offset))
            commit.flag |= 2
            bench.request(commit)
            bench.complete()
        }
        bench.pass(.milliseconds(60))
        bench.complete()
        #expect(bench.disk.count <= before + 3)
        var again = try EngineBench(restarting: bench)
        let offset = again.request(Requests.queryOffset())
        #expect(again.field("offset", of: offset) == "99")
    }
}
