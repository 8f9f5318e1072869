import Broker
import Chaos
import Foundation
import MessageFormat
import NIOCore
import PeerTransport
import RemotingProtocol
import Storage
import TestSupport
import Testing

@Suite("A group of brokers that controllers steer", .serialized, .realTime)
struct GroupTests {
    private func verify(
        on cluster: GroupCluster, messages: Int, size: Int = 256,
        _ disturb: (GroupCluster) async throws -> Void
    ) async throws -> Verdict {
        var plan = WorkloadPlan(topic: "T", seed: 1)
        plan.messagesMax = messages
        plan.producers = 2
        plan.consumers = 2
        plan.settleTime = .seconds(20)
        plan.size = size
        let recorder = Recorder(run: plan.run, writer: nil)
        let workload = Workload(plan: plan, access: cluster.access, recorder: recorder)
        async let running: Void = workload.run()
        let isFlowing = await eventually { recorder.counters.acknowledged >= messages / 10 }
        #expect(isFlowing, "messages flow")
        try await disturb(cluster)
        try await running
        return try recorder.verdict()
    }

    /// What every two members have in common is the same, up to the shorter one's end.
    private func expectIdenticalLogs(of cluster: GroupCluster) throws {
        let logs = try cluster.members.keys.sorted().map { name in
            try SegmentBytes(of: cluster.data(of: name))
        }
        for log in logs.dropFirst() {
            let shared = Set(log.segments.keys).intersection(logs[0].segments.keys)
            #expect(!shared.isEmpty)
            for base in shared.sorted() {
                let (one, other) = (log.segments[base] ?? [], logs[0].segments[base] ?? [])
                let count = min(one.count, other.count)
                #expect(one.prefix(count) == other.prefix(count), "segment \(base.bytes)")
            }
        }
    }

    @Test(
        "a crashed master is replaced at once; nothing acknowledged is lost; all logs are the same")
    func crash() async throws {
        try await withGroup { cluster in
            let first = try #require(await cluster.master())
            let verdict = try await self.verify(on: cluster, messages: 600) { cluster in
                try await cluster.crash(first)
                let second = await cluster.master(but: first)
                #expect(second != nil, "somebody else became master")
                try await cluster.start(first)
            }
            #expect(verdict.outcome == .valid, "\(verdict)")
            #expect(verdict.acknowledged == 600)
            #expect(verdict.lost == 0 && verdict.reordered == 0)
            for name in ["one", "two", "three"] { await cluster.stop(name) }
            try self.expectIdenticalLogs(of: cluster)
        }
    }

    @Test("the controllers lose their disks under load: the group comes back with everything")
    func controllersForgetEverything() async throws {
        try await withGroup { cluster in
            let first = try #require(await cluster.master())
            let epoch = try #require(try await cluster.epoch(of: first))
            let verdict = try await self.verify(on: cluster, messages: 600) { cluster in
                try await cluster.wipeControllers()
                // Nobody knows now who is in step; the master dies, too.
                try await cluster.crash(first)
                let others = cluster.members.keys.filter { $0 != first }.sorted()
                let isHeard = await eventually {
                    await cluster.groupState()?.notInSync.filter(\.isAlive).count == 2
                }
                #expect(isHeard, "two have their ids again")
                #expect(await cluster.groupState()?.masterBrokerID == nil)
                for name in others {
                    #expect(try await cluster.epoch(of: name) == epoch, "nobody is elected yet")
                }
                try await cluster.start(first)
                let isLed = await eventually {
                    (try? await cluster.epoch(of: first)).flatMap { $0 }.map { $0 > epoch } ?? false
                }
                #expect(isLed, "a master in a new epoch")
            }
            #expect(verdict.outcome == .valid, "\(verdict)")
            #expect(verdict.lost == 0 && verdict.acknowledged == 600)
            for name in ["one", "two", "three"] { await cluster.stop(name) }
            try self.expectIdenticalLogs(of: cluster)
        }
    }

    @Test("a master that stops hands over first: no send fails")
    func gracefulStop() async throws {
        try await withGroup { cluster in
            let first = try #require(await cluster.master())
            let verdict = try await self.verify(on: cluster, messages: 400) { cluster in
                await cluster.stop(first)
                #expect(await cluster.master(but: first) != nil)
                try await cluster.start(first)
            }
            #expect(verdict.outcome == .valid, "\(verdict)")
            #expect(verdict.lost == 0 && verdict.acknowledged == 400)
        }
    }

    @Test("a group whose brokers were all down comes back with everything; an emptied one, too")
    func allDown() async throws {
        try await withGroup { cluster in
            let before = try await self.verify(on: cluster, messages: 200) { _ in }
            #expect(before.lost == 0)
            for name in ["one", "two", "three"] { try await cluster.crash(name) }
            let emptied = "two"
            try FileManager.default.removeItem(atPath: cluster.data(of: emptied))
            for name in ["one", "two", "three"] { try await cluster.start(name) }
            #expect(await cluster.takesMessages(), "the group has come together again")
            let after = try await self.verify(on: cluster, messages: 200) { _ in }
            #expect(after.lost == 0 && after.acknowledged == 200)
            for name in ["one", "two", "three"] { await cluster.stop(name) }
            try self.expectIdenticalLogs(of: cluster)
        }
    }

    @Test("a replica that was away catches up over segments; one too far behind starts over")
    func catchUp() async throws {
        try await withGroup { cluster in
            let first = try #require(await cluster.master())
            let others = ["one", "two", "three"].filter { $0 != first }
            await cluster.stop(others[0])
            let verdict = try await self.verify(on: cluster, messages: 300, size: 20_000) { _ in }
            #expect(verdict.lost == 0 && verdict.acknowledged == 300)
            try await cluster.start(others[0])
            let hasCaughtUp = try await cluster.hasCaughtUp(others[0], with: first)
            #expect(hasCaughtUp, "the log over segments")

            // From here on the oldest segments go as soon as they may.
            await cluster.stop(others[1])
            for name in [first, others[0]] {
                try await cluster.crash(name)
                try await cluster.start(name) { $0.diskUsedPercentMax = 0 }
            }
            #expect(await cluster.takesMessages())
            _ = try? await self.verify(on: cluster, messages: 300, size: 20_000) { _ in }
            let kept = try FileManager.default.contentsOfDirectory(
                atPath: cluster.data(of: first) + "/commitlog")
            #expect(!kept.contains("00000000000000000000"), "the first segment is gone")
            try await cluster.start(others[1])
            let master = try #require(await cluster.master())
            let hasStartedOver = try await cluster.hasCaughtUp(others[1], with: master)
            #expect(hasStartedOver, "from the master's first segment on")
            for name in ["one", "two", "three"] { await cluster.stop(name) }
            try self.expectIdenticalLogs(of: cluster)
        }
    }

    @Test("a drained broker gives its mastership away and does not take it back until it may")
    func drain() async throws {
        try await withGroup { cluster in
            let first = try #require(await cluster.master())
            let address = cluster.address(of: first)
            _ = try await cluster.access.call(.request(.drainBroker), to: address)
            let second = try #require(await cluster.master(but: first))
            try await cluster.crash(second)
            let isAnother = await eventually {
                let third = await cluster.master(but: second)
                return third != nil && third != first
            }
            #expect(isAnother, "the drained one is not the master")
            _ = try await cluster.access.call(
                .request(.drainBroker, fields: ["undo": "true"]), to: address)
        }
    }

    @Test("a directory of another group, or of another cluster, is refused before anything happens")
    func wrongDirectory() async throws {
        try await withGroup { cluster in
            try await cluster.crash("one")
            for change in [
                { (configuration: inout BrokerConfiguration) in configuration.brokerName = "other"
                },
                { $0.clusterName = "Other" }, { $0.controllers = [] },
            ] {
                await #expect(throws: ConfigurationError.self) {
                    try await cluster.start("one", change)
                }
            }
            try await cluster.start("one")
        }
    }

    @Test("garbage and made-up replicas on the replication port harm nobody")
    func hostileReplica() async throws {
        try await withGroup { cluster in
            let verdict = try await self.verify(on: cluster, messages: 200) { cluster in
                for member in cluster.members.values {
                    try await HostileReplica.attack(
                        member.configuration.advertisedReplicationAddress)
                }
            }
            #expect(verdict.outcome == .valid && verdict.acknowledged == 200, "\(verdict)")
        }
    }
}

/// What a log's segments hold, without the space that is prepared behind it.
private struct SegmentBytes {
    private(set) var segments: [PhysicalOffset: [UInt8]] = [:]

    init(of directory: String) throws {
        let store = try LogStore.open(directory: directory)
        defer { store.close() }
        for base in store.segmentBases {
            var bytes: [UInt8] = []
            _ = try store.scan(segment: base) { batch, _ in bytes += batch }
            self.segments[base] = bytes
        }
    }
}
