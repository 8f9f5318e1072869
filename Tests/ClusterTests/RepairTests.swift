import Chaos
import Foundation
import MessageFormat
import NIOCore
import RemotingProtocol
import Storage
import TestSupport
import Testing

@testable import Broker

/// Method: a group of three with segments of 1 MiB, of which some are full. A bit flips in a full one.
@Suite("Rot in a full segment of a group", .serialized, .realTime)
struct RepairTests {
    private static let firstSegment = "commitlog/00000000000000000000"

    /// Fills segments on all brokers; returns the topic's messages as they were sent.
    private func fill(_ cluster: GroupCluster) async throws -> Verdict {
        var plan = WorkloadPlan(topic: "T", seed: 5)
        plan.messagesMax = 150
        plan.producers = 2
        plan.consumers = 0
        plan.size = 20_000
        plan.settleTime = .seconds(30)
        let recorder = Recorder(run: plan.run, writer: nil)
        try await Workload(plan: plan, access: cluster.access, recorder: recorder).run()
        return try recorder.verdict()
    }

    private func index(of name: String, in cluster: GroupCluster) -> String {
        cluster.data(of: name) + "/index/00000000000000000000.index"
    }

    private func bytes(of name: String, in cluster: GroupCluster) throws -> [UInt8] {
        let path = "\(cluster.data(of: name))/\(Self.firstSegment)"
        return [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    }

    private func flipBit(of name: String, in cluster: GroupCluster) throws {
        try self.flipBit(of: "\(cluster.data(of: name))/\(Self.firstSegment)", at: 500_000)
    }

    /// Through the page cache, as every reader sees it at once.
    private func flipBit(of path: String, at offset: UInt64) throws {
        let file = try FileHandle(forUpdating: URL(fileURLWithPath: path))
        try file.seek(toOffset: offset)
        let byte = try #require(try file.read(upToCount: 1)?.first)
        try file.seek(toOffset: offset)
        try file.write(contentsOf: Data([byte ^ 0x10]))
        try file.close()
    }

    private func isSealed(_ name: String, in cluster: GroupCluster) async -> Bool {
        await eventually(within: .seconds(60)) {
            FileManager.default.fileExists(atPath: self.index(of: name, in: cluster))
        }
    }

    private func isMended(_ name: String, _ good: [UInt8], in cluster: GroupCluster) async throws
        -> Bool
    {
        try await eventually(within: .seconds(60)) {
            let bytes = try self.bytes(of: name, in: cluster)
            return bytes.count > 500_000 && bytes == Array(good.prefix(bytes.count))
        }
    }

    private func tell(_ name: String, in cluster: GroupCluster) async throws {
        let door = try #require(cluster.members[name]?.running?.door)
        try await door.loop.submit {
            door.worker?.foundRotten(at: PhysicalOffset(500_000))
            door.worker?.turn()
        }.get()
    }

    /// Whether some pull of the topic's messages is answered with an error that says why.
    private func meetsDamage(_ cluster: GroupCluster) async throws -> Bool {
        for queue in try await cluster.access.route(of: "T").readableQueues(of: "T") {
            var next = QueueOffset.zero
            while true {
                do throws(AccessError) {
                    let page = try await cluster.access.pull(queue, from: next)
                    guard page.next > next else { break }
                    next = page.next
                } catch {
                    return error.isOfDamage
                }
            }
        }
        return false
    }

    @Test("nobody tells: a replica's background check finds it, and a client's pull on the master")
    func found() async throws {
        try await withGroup(configured: { $0.scrubBytesPerSecond = 0 }) { cluster in
            let verdict = try await self.fill(cluster)
            #expect(verdict.lost == 0 && verdict.acknowledged == 150)
            let master = try #require(await cluster.master())
            let replica = try #require(["one", "two", "three"].first { $0 != master })
            for name in [master, replica] { #expect(await self.isSealed(name, in: cluster)) }
            let good = try self.bytes(of: master, in: cluster)

            await cluster.stop(replica)
            let index = URL(fileURLWithPath: self.index(of: replica, in: cluster))
            let goodIndex = try Data(contentsOf: index)
            try self.flipBit(of: index.path, at: UInt64(goodIndex.count / 3))
            try self.flipBit(of: replica, in: cluster)
            try await cluster.start(replica) { $0.scrubBytesPerSecond = 16 << 20 }
            #expect(try await self.isMended(replica, good, in: cluster))
            let isMadeAnew = try await eventually(within: .seconds(60)) {
                try Data(contentsOf: index) == goodIndex
            }
            #expect(isMadeAnew)

            try self.flipBit(of: master, in: cluster)
            #expect(try await self.meetsDamage(cluster))
            #expect(try await self.isMended(master, good, in: cluster))
            let isServed = try await eventually(within: .seconds(60)) {
                try await !self.meetsDamage(cluster)
            }
            #expect(isServed)
        }
    }

    @Test("on a replica it is mended with what the master has; on the master after it gave way")
    func mended() async throws {
        try await withGroup { cluster in
            let verdict = try await self.fill(cluster)
            #expect(verdict.lost == 0 && verdict.acknowledged == 150)
            let master = try #require(await cluster.master())
            let replica = try #require(["one", "two", "three"].first { $0 != master })
            for name in [master, replica] { #expect(await self.isSealed(name, in: cluster)) }
            let good = try self.bytes(of: master, in: cluster)

            try self.flipBit(of: replica, in: cluster)
            try await self.tell(replica, in: cluster)
            #expect(try await self.isMended(replica, good, in: cluster))
            #expect(await cluster.master() == master, "nobody else had to lead")

            try self.flipBit(of: master, in: cluster)
            try await self.tell(master, in: cluster)
            let hasGivenWay = await eventually(within: .seconds(60)) {
                await cluster.master(but: master) != nil
            }
            #expect(hasGivenWay)
            #expect(try await self.isMended(master, good, in: cluster))
            #expect(await cluster.takesMessages())

            for name in ["one", "two", "three"] { await cluster.stop(name) }
            for name in ["one", "two", "three"] {
                let report = try StoreVerification.run(cluster.data(of: name), messagesMin: 150)
                #expect(report.isSound, "\(name): \(report.damages)")
                #expect(report.log?.segments.count { $0.state == .sealed } ?? 0 >= 2)
            }
        }
    }
}
