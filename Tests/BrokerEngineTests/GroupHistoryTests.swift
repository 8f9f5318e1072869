@testable import BrokerEngine
import DeliveryCore
import MessageFormat
import RemotingProtocol
import Testing

@Suite("Why a group's queues were shared out again can be looked up")
struct GroupHistoryTests {
    @Test("who joined and who left, when and why, in a bounded list")
    func history() throws {
        var bench = EngineBench()
        bench.request(Requests.heartbeat("c1"), from: 1)
        bench.pass(.seconds(1))
        bench.request(Requests.heartbeat("c2"), from: 2)
        bench.request(Requests.heartbeat("c3"), from: 3)
        bench.close(2)
        bench.request(
            .request(.unregisterClient, fields: ["clientID": "c3", "consumerGroup": "CG"]),
            from: 3)
        bench.pass(.seconds(121))
        let asked = bench.request(
            .request(.getGroupHistory, fields: ["consumerGroup": "CG"]), from: 9)
        let body = try #require(bench.answer(to: asked)?.body)
        let events = try GroupHistoryList(parsing: body).events
        #expect(events.map(\.clientID) == ["c1", "c2", "c3", "c2", "c3", "c1"])
        #expect(
            events.map(\.change) == [
                .joined, .joined, .joined, .connectionClosed, .unregistered, .silent,
            ])
        #expect(events.map(\.members) == [1, 2, 3, 2, 1, 0])
        #expect(events[1].at.milliseconds == EngineBench.wall.milliseconds + 1_000)
        for _ in 0..<100 { bench.request(Requests.heartbeat("c1"), from: 1); bench.close(1) }
        #expect(bench.engine.memberHistory.events(of: "CG").count == 64)
    }

    @Test("groups beyond the bound push out the one that is quiet for longest")
    func groups() {
        var history = GroupHistory(eventsPerGroupMax: 4, groupsMax: 2)
        for group in ["a", "b", "a", "c"] {
            history.note(
                [
                    MembershipChange(
                        group: group, clientID: "c", address: "", kind: .joined, members: 1)
                ], at: EngineBench.wall)
        }
        #expect(history.events(of: "a").count == 2)
        #expect(history.events(of: "b").isEmpty)
        #expect(history.events(of: "c").count == 1)
    }
}
