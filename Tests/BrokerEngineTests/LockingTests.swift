import BrokerEngine
import DeliveryCore
import LogCore
import MessageFormat
import RemotingProtocol
import Testing

@Suite("One consumer at a time has a queue in order, also across a failover")
struct LockingTests {
    private static func queue(_ number: Int32) -> MessageQueue {
        MessageQueue(topic: "T", brokerName: "broker-a", queueID: number)
    }

    private func lock(
        _ client: String, _ queues: [Int32] = [0], _ code: RequestCode = .lockBatchMQ
    ) -> RemotingCommand {
        .request(
            code,
            body: LockBatchBody(
                clientID: client, group: "CG", queues: queues.map(Self.queue)
            ).encoded)
    }

    private func held(_ bench: EngineBench, _ opaque: Int32) throws -> [Int32] {
        let body = try #require(bench.answer(to: opaque)?.body)
        return try LockBatchResult(parsing: body).queues.map(\.queueID)
    }

    private func locks(
        _ bench: inout EngineBench, _ client: String, from connection: UInt64
    ) throws -> [Int32] {
        let lock = bench.request(self.lock(client), from: connection)
        bench.settle()
        return try self.held(bench, lock)
    }

    @Test("a grant is answered when it is in the log, a renewal at once")
    func durable() throws {
        var bench = EngineBench()
        let grant = bench.request(self.lock("c1", [0, 1]), from: 1)
        #expect(bench.answer(to: grant) == nil)
        bench.settle()
        #expect(try self.held(bench, grant) == [0, 1])
        let batches = bench.disk.count
        let renewal = bench.request(self.lock("c1", [0, 1]), from: 1)
        #expect(try self.held(bench, renewal) == [0, 1])
        #expect(bench.disk.count == batches)
    }

    @Test(
        "free again at once: unlocked, connection closed, client unregistered; after 60 s: silent",
        arguments: ["unlock", "close", "unregister", "silence", "nothing"])
    func release(how: String) throws {
        var bench = EngineBench()
        bench.request(Requests.heartbeat("c1"), from: 1)
        #expect(try self.locks(&bench, "c1", from: 1) == [0])
        bench.pass(.seconds(59))
        switch how {
        case "unlock": bench.request(self.lock("c1", [0], .unlockBatchMQ), from: 1)
        case "close": bench.close(1)
        case "unregister":
            bench.request(
                .request(
                    .unregisterClient, fields: ["clientID": "c1", "consumerGroup": "CG"]),
                from: 1)
        case "silence": bench.pass(.seconds(2))
        default: break
        }
        #expect(try self.locks(&bench, "c2", from: 2) == (how == "nothing" ? [] : [0]))
    }

    @Test("after a restart the owner re-locks at once, another waits until it relies on it no more")
    func restart() throws {
        var bench = EngineBench()
        #expect(try self.locks(&bench, "c1", from: 1) == [0])
        var again = try EngineBench(restarting: bench)
        #expect(try self.locks(&again, "c2", from: 2) == [])
        again.pass(.seconds(34))
        #expect(try self.locks(&again, "c2", from: 2) == [])
        #expect(try self.locks(&again, "c1", from: 1) == [0])
        again.pass(.seconds(2))
        #expect(try self.locks(&again, "c2", from: 2) == [])
        again.close(1)
        #expect(try self.locks(&again, "c2", from: 2) == [0])
        var third = try EngineBench(restarting: bench)
        third.pass(.seconds(36))
        #expect(try self.locks(&third, "c2", from: 2) == [0])
    }

    @Test("a lock that was given back before a restart is free after it")
    func releasedBeforeRestart() throws {
        var bench = EngineBench()
        #expect(try self.locks(&bench, "c1", from: 1) == [0])
        bench.close(1)
        bench.settle()
        var again = try EngineBench(restarting: bench)
        #expect(try self.locks(&again, "c2", from: 2) == [0])
    }

    @Test("a new master keeps a second consumer waiting, and lets the owner go on at once")
    func failover() throws {
        var group = GroupBench.inStep([1, 2, 3])
        let grant = group.request(self.lock("c1"), at: 1)
        #expect(try self.held(group, 1, grant) == [0])
        group.kill(1)
        group.view(master: 2, epoch: 2, set: [2, 3], setEpoch: 3)
        group.pass(.seconds(1))
        let second = group.request(self.lock("c2"), at: 2)
        #expect(try self.held(group, 2, second) == [])
        let owner = group.request(self.lock("c1"), at: 2)
        #expect(try self.held(group, 2, owner) == [0])
        group.pass(.seconds(59))
        let still = group.request(self.lock("c2"), at: 2)
        #expect(try self.held(group, 2, still) == [])
        group.pass(.seconds(2))
        let after = group.request(self.lock("c2"), at: 2)
        #expect(try self.held(group, 2, after) == [0])
    }

    @Test("an owner that the new master sees leave is waited for no longer")
    func ownerLeaves() throws {
        var group = GroupBench.inStep([1, 2, 3])
        group.request(Requests.heartbeat("c1"), at: 1)
        group.request(Requests.heartbeat("c1"), at: 2)
        _ = group.request(self.lock("c1"), at: 1)
        group.kill(1)
        group.view(master: 2, epoch: 2, set: [2, 3], setEpoch: 3)
        group.input(2) { $0.closed(ConnectionID(1), at: $1) }
        group.run()
        let second = group.request(self.lock("c2"), at: 2)
        #expect(try self.held(group, 2, second) == [0])
    }

    @Test("a master that its replicas have left renews nothing")
    func cutOff() {
        var group = GroupBench.inStep([1, 2, 3])
        _ = group.request(self.lock("c1"), at: 1)
        group.cutOff = [1]
        group.pass(.seconds(3))
        let renewal = group.request(self.lock("c1"), at: 1)
        #expect(group.code(of: renewal, at: 1) == .systemError)
    }

    private func held(_ group: GroupBench, _ id: Int64, _ opaque: Int32) throws -> [Int32] {
        let body = try #require(group[id].bodies[opaque])
        return try LockBatchResult(parsing: body).queues.map(\.queueID)
    }

    @Test("names that are no names are not locked")
    func names() {
        var bench = EngineBench()
        let long = bench.request(self.lock(String(repeating: "c", count: 300)))
        #expect(bench.answer(to: long)?.code == .invalidParameter)
    }
}
