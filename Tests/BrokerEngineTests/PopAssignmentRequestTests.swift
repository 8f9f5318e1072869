import BrokerEngine
import DeliveryCore
import MessageFormat
import RemotingProtocol
import Testing

@Suite("The broker shares queues out for clients that ask it to")
struct PopAssignmentRequestTests {
    private func bench() -> EngineBench {
        var bench = EngineBench()
        bench.request(Requests.send("a"))
        bench.request(Requests.heartbeat("c1"), from: 1)
        bench.request(Requests.heartbeat("c2"), from: 2)
        bench.settle()
        return bench
    }

    private func assignments(
        _ bench: inout EngineBench, of client: String, route: [QueueData] = []
    ) throws -> [QueueAssignments.Item] {
        let body = QueryAssignmentBody(clientID: client, consumerGroup: "CG", topic: "T")
        let opaque = bench.request(.request(.queryAssignment, body: body.encoded))
        bench.answerRoutes(TopicRouteData(brokers: [], queues: route))
        let answer = try #require(bench.answer(to: opaque))
        return try QueueAssignments(parsing: answer.body).items
    }

    @Test("who pulls gets a share of all brokers' queues")
    func pulls() throws {
        var bench = self.bench()
        let other = QueueData(
            brokerName: "broker-b", readQueues: 4, writeQueues: 4, permission: .readWrite)
        let first = try self.assignments(&bench, of: "c1", route: [other])
        let second = try self.assignments(&bench, of: "c2", route: [other])
        #expect(first.map(\.queue.brokerName) == Array(repeating: "broker-a", count: 4))
        #expect(second.map(\.queue.brokerName) == Array(repeating: "broker-b", count: 4))
        #expect((first + second).allSatisfy { $0.mode == "PULL" })
    }

    @Test("a choice for pops is kept, also by a broker that starts again")
    func modes() throws {
        var bench = self.bench()
        let body = RequestModeBody(
            consumerGroup: "CG", topic: "T", mode: "POP", popShareQueues: -1)
        let set = bench.request(.request(.setMessageRequestMode, body: body.encoded))
        bench.settle()
        #expect(bench.answer(to: set)?.code == .success)
        for client in ["c1", "c2"] {
            let items = try self.assignments(&bench, of: client)
            #expect(items.map(\.queue.queueID) == [-1])
            #expect(items.map(\.mode) == ["POP"])
        }
        var again = try EngineBench(restarting: bench)
        let all = again.request(.request(.getAllMessageRequestMode))
        let list = try RequestModeList(parsing: try #require(again.answer(to: all)).body)
        #expect(list.choices == [body])
    }

    @Test("retry topics are always pulled")
    func retryTopics() {
        var bench = self.bench()
        let body = RequestModeBody(
            consumerGroup: "CG", topic: "%RETRY%CG", mode: "POP", popShareQueues: 0)
        let set = bench.request(.request(.setMessageRequestMode, body: body.encoded))
        #expect(bench.answer(to: set)?.code == .noPermission)
    }
}
