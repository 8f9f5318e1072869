import Broker
import Chaos
import Foundation
import MessageFormat
import RemotingProtocol
import TestSupport
import Testing

@Suite("Real sockets, real files", .serialized, .realTime)
struct EndToEndTests {
    private func verify(
        on cluster: InProcessCluster, topic: String, messages: Int = 400, history: String? = nil
    ) async throws -> Recorder {
        var plan = WorkloadPlan(topic: topic, seed: 1)
        plan.messagesMax = messages
        plan.producers = 2
        plan.consumers = 2
        plan.settleTime = .seconds(20)
        let writer = try history.map {
            try HistoryWriter(
                path: $0,
                header: HistoryHeader(
                    run: plan.run, seed: plan.seed, startedAt: Recorder.wallNow, versions: "",
                    configuration: ""))
        }
        let recorder = Recorder(run: plan.run, writer: writer)
        try await Workload(plan: plan, access: cluster.access, recorder: recorder).run()
        return recorder
    }

    @Test("what is acknowledged is delivered, in order, on two brokers")
    func workload() async throws {
        try await withCluster(brokers: ["broker-a", "broker-b"]) { cluster in
            let verdict = try await self.verify(on: cluster, topic: "T").verdict()
            #expect(verdict.outcome == .valid, "\(verdict)")
            #expect(verdict.acknowledged == 400)
            #expect(verdict.lost == 0 && verdict.reordered == 0 && verdict.unexpected == 0)
        }
    }

    @Test("a broker that starts again serves what it had")
    func restart() async throws {
        try await withCluster { cluster in
            let before = try await self.verify(on: cluster, topic: "T").verdict()
            #expect(before.lost == 0)
            try await cluster.stop("broker-a")
            try await cluster.start("broker-a")
            _ = await cluster.access.awaitRoute(of: "T", brokers: 1, within: .seconds(10))
            let route = try await cluster.access.route(of: "T")
            var total: Int64 = 0
            for queue in route.readableQueues(of: "T") {
                total += try await cluster.access.maxOffset(of: queue).value
            }
            #expect(total == 400)
        }
    }

    @Test("one acknowledged message taken out of the log turns the verdict red")
    func missingMessage() async throws {
        try await withCluster { cluster in
            let history = "\(cluster.directory)/history"
            let recorder = try await self.verify(
                on: cluster, topic: "T", messages: 100, history: history)
            #expect(try recorder.verdict().outcome == .valid)
            try await cluster.stop("broker-a")
            try LogSurgery.removeOneMessage(
                ofTopic: "T", in: "\(cluster.data(of: "broker-a"))/commitlog/00000000000000000000")
            try await cluster.start("broker-a")
            _ = await cluster.access.awaitRoute(of: "T", brokers: 1, within: .seconds(10))
            let again = try self.everythingButTheFinalRead(of: history)
            await Drain(
                topic: "T", access: cluster.access, recorder: again,
                deadline: Recorder.now + .seconds(20)
            ).run()
            let verdict = try again.verdict()
            #expect(verdict.outcome == .invalid)
            #expect(verdict.lost == 1)
        }
    }

    /// The story of a run up to the point where its queues were read to the end.
    private func everythingButTheFinalRead(of path: String) throws -> Recorder {
        let recorder = Recorder(run: String(1, radix: 36))
        var reader = HistoryReader()
        try reader.read(path: path, began: { _ in }) { event in
            switch event.kind {
            case .drained, .drainEnded: break
            default: recorder.merge(event)
            }
        }
        return recorder
    }

    @Test("a topic that a send creates is soon on every master; a dead broker soon on no route")
    func spreadAndRemoval() async throws {
        try await withCluster(brokers: ["broker-a", "broker-b"]) { cluster in
            let address = try #require(try await cluster.access.masters().first).address
            let queue = MessageQueue(topic: "New", brokerName: "broker-a", queueID: 0)
            let send = SendTemplate(producerGroup: "PG").command(
                Array("x".utf8), to: queue, at: Timestamp(milliseconds: 0))
            _ = try await cluster.access.call(send, to: address)
            let isSpread = await eventually {
                (try? await cluster.access.route(of: "New").queues.count) == 2
            }
            #expect(isSpread)
            try await cluster.stop("broker-b")
            let isGone = await eventually(within: .seconds(2)) {
                (try? await cluster.access.route(of: "New").queues.map(\.brokerName)) == [
                    "broker-a"
                ]
            }
            #expect(isGone)
        }
    }

    @Test("messages are found by id, by key and by time, and pulled, out of sealed segments")
    func sealedSegments() async throws {
        let cluster = try await InProcessCluster()
        let address = try await cluster.start("broker-a") { $0.segmentBytes = 1 << 20 }
        let queue = MessageQueue(topic: "T", brokerName: "broker-a", queueID: 0)
        let routed = RoutedQueue(queue: queue, address: address)
        let body = [UInt8](repeating: 7, count: 20_000)
        var ids: [String] = []
        for number in 0..<200 {
            let template = SendTemplate(producerGroup: "PG", tag: "A", keys: "key-\(number)")
            let command = template.command(body, to: queue, at: Timestamp(milliseconds: 1))
            let answer = try await cluster.access.call(command, to: address)
            ids.append(answer.string("msgId") ?? "")
        }
        for restart in [false, true] {
            if restart {
                try await cluster.stop("broker-a")
                try await cluster.start("broker-a")
            }
            var offset = QueueOffset.zero
            var seen: [Int64] = []
            while offset.value < 200 {
                let page = try await cluster.access.pull(routed, from: offset)
                seen += page.messages.map(\.queueOffset.value)
                #expect(page.messages.allSatisfy { $0.isBodyIntact && $0.body == body })
                offset = page.next
            }
            #expect(seen == Array(0..<200))
            let id = try #require(OffsetMessageID(ids[3]))
            let view = try await cluster.access.call(
                .request(
                    .viewMessageByID, fields: ["offset": String(id.physicalOffset.bytes)]),
                to: address)
            #expect(view.withBodyBytes { try? StoredMessageView($0) }?.queueOffset.value == 3)
            let found = try await cluster.access.call(
                .request(
                    .queryMessage,
                    fields: [
                        "topic": "T", "key": "key-3", "maxNum": "10", "beginTimestamp": "0",
                        "endTimestamp": String(Int64.max),
                    ]), to: address)
            #expect(found.withBodyBytes { try? StoredMessageView($0) }?.queueOffset.value == 3)
            let search = try await cluster.access.call(
                .request(
                    .searchOffsetByTimestamp,
                    fields: ["topic": "T", "queueId": "0", "timestamp": "1"]), to: address)
            #expect(search.string("offset") == "0")
        }
        try await cluster.shutdown()
    }
}
