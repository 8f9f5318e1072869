import MessageFormat
import Testing

@testable import ClientCore

@Suite("Sharing out queues in every way")
struct GroupAllocationTests {
    static func queues(_ brokers: [String], each: Int) -> [MessageQueue] {
        brokers.flatMap { broker in
            (0..<each).map { MessageQueue(topic: "T", brokerName: broker, queueID: Int32($0)) }
        }
    }

    static let strategies: [GroupAllocation] = [
        .average, .averageByCircle, .consistentHash(), .machineRoom(["r1", "r2"]),
        .machineRoomNearby(.init()), .machineRoomNearby(.init(inner: .averageByCircle)),
    ]

    @Test("every queue has exactly one owner, whatever the numbers", arguments: strategies)
    func partition(strategy: GroupAllocation) {
        for each in 0...7 {
            for count in 1...6 {
                let queues = Self.queues(["r1@a", "r1@b", "r2@a"], each: each)
                let ids = (0..<count).map { $0 % 2 == 0 ? "r1@c\($0)" : "c\($0)" }
                let shares = ids.map { id in
                    strategy.share(of: id, queues: queues.shuffled(), consumers: ids.shuffled())
                }
                #expect(shares.joined().sorted() == queues.sorted())
                #expect(strategy.share(of: "x", queues: queues, consumers: ids) == [])
            }
        }
    }

    @Test("MD5 gives the digests of RFC 1321")
    func digests() {
        let vectors = [
            ("", "d41d8cd98f00b204e9800998ecf8427e"),
            ("a", "0cc175b9c0f1b6a831c399e269772661"),
            ("abc", "900150983cd24fb0d6963f7d28e17f72"),
            ("message digest", "f96b697d7cb7938d525a2f31aaf161d0"),
            ("abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"),
            (
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
                "d174ab98d277d9f5a5611c2c9f419d9f"
            ),
            (
                String(repeating: "1234567890", count: 8), "57edf4a22be3c955ac49da2e2107b67a"
            ),
        ]
        for (text, digest) in vectors {
            let hex = MD5.digest(text.utf8).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
            #expect(hex.joined() == digest, "\(text)")
        }
    }

    @Test("a place on the ring is the digest's first four bytes, highest first")
    func position() {
        #expect(ConsistentHashRing.position(of: "abc") == 0x9001_5098)
        let queue = MessageQueue(topic: "T", brokerName: "b", queueID: 3)
        #expect(queue.ringKey == "MessageQueue [topic=T, brokerName=b, queueId=3]")
    }

    @Test("the owner is the first consumer at or after the place, around the ring")
    func owner() {
        let ids = ["c1", "c2", "c3"]
        let ring = ConsistentHashRing(ids, placesEach: 10)
        let nodes = ids.flatMap { id in
            (0..<10).map { (ConsistentHashRing.position(of: "\(id)-\($0)"), id) }
        }
        for number in 0..<200 {
            let place = ConsistentHashRing.position(of: "\(number)")
            let after = nodes.filter { $0.0 >= place }.min { $0.0 < $1.0 }
            let owner = after ?? nodes.min { $0.0 < $1.0 }
            #expect(ring.owner(of: "\(number)") == owner?.1)
        }
        #expect(ring.owner(of: "c2-7") == "c2")
    }

    @Test("on the ring, a consumer that goes moves no queue of those that stay")
    func stability() {
        let queues = Self.queues(["a", "b", "c"], each: 16)
        let all = (0..<6).map { "c\($0)" }
        for gone in all {
            let left = all.filter { $0 != gone }
            for id in left {
                let before = GroupAllocation.consistentHash()
                    .share(of: id, queues: queues, consumers: all)
                let after = GroupAllocation.consistentHash()
                    .share(of: id, queues: queues, consumers: left)
                #expect(Set(before).isSubset(of: after))
            }
        }
    }

    @Test("MACHINE_ROOM takes blocks, the rest one each, of its rooms only")
    func machineRoom() {
        let queues = Self.queues(["r1@a", "r2@a", "plain"], each: 7)
        let shares = ["c0", "c1", "c2"].map { id in
            GroupAllocation.machineRoom(["r1"])
                .share(of: id, queues: queues, consumers: ["c0", "c1", "c2"]).map(\.queueID)
        }
        #expect(shares == [[0, 1, 6], [2, 3], [4, 5]])
    }

    @Test("MACHINE_ROOM_NEARBY prefers the own room and shares lonely rooms among all")
    func nearby() {
        let queues = Self.queues(["r1@a", "r2@a", "r3@a"], each: 2)
        let nearby = GroupAllocation.machineRoomNearby(
            .init(roomOfConsumer: ["c0": "r1", "c1": "r2"]))
        let shares = ["c0", "c1"].map { id in
            nearby.share(of: id, queues: queues, consumers: ["c0", "c1"])
                .map { "\($0.brokerName) \($0.queueID)" }
        }
        #expect(shares == [["r1@a 0", "r1@a 1", "r3@a 0"], ["r2@a 0", "r2@a 1", "r3@a 1"]])
        #expect(nearby.name == "MACHINE_ROOM_NEARBY-AVG")
    }

    @Test("CONFIG takes what it was told to")
    func config() {
        let queues = Self.queues(["a"], each: 4)
        let fixed = GroupAllocation.config([queues[2]])
        #expect(fixed.share(of: "c", queues: queues, consumers: ["b", "c"]) == [queues[2]])
        #expect(
            Self.strategies.map(\.name).prefix(4) == [
                "AVG", "AVG_BY_CIRCLE", "CONSISTENT_HASH", "MACHINE_ROOM",
            ])
    }
}
