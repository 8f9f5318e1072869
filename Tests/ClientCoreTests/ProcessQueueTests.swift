import ClientCore
import MessageFormat
import Testing

@Suite struct ProcessQueueTests {
    static func queue(from start: Int64 = 0, filled offsets: [Int64]) -> ProcessQueue<Int64> {
        var queue = ProcessQueue<Int64>(startingAt: QueueOffset(start))
        for offset in offsets {
            #expect(queue.pulled(offset, at: QueueOffset(offset), bytes: 10) == true)
        }
        return queue
    }

    @Test("the offset moves only past acknowledged messages")
    func commitOffset() {
        var queue = Self.queue(filled: [0, 1, 2])
        while queue.take(at: .zero) != nil {}
        #expect(queue.commitOffset == QueueOffset(0))
        queue.acknowledge(QueueOffset(1))
        #expect(queue.commitOffset == QueueOffset(0))
        queue.acknowledge(QueueOffset(0))
        #expect(queue.commitOffset == QueueOffset(2))
        queue.acknowledge(QueueOffset(2))
        #expect(queue.commitOffset == QueueOffset(3))
        queue.checkInvariants()
    }

    @Test("what did not match the subscription is passed once everything before it is done")
    func filtered() {
        var queue = Self.queue(from: 5, filled: [5, 9])
        queue.examined(upTo: QueueOffset(20))
        #expect(queue.pullOffset == QueueOffset(20))
        for offset in [5, 9] as [Int64] {
            #expect(queue.commitOffset == QueueOffset(offset))
            #expect(queue.take(at: .zero)?.message == offset)
            #expect(queue.acknowledge(QueueOffset(offset)) == true)
        }
        #expect(queue.commitOffset == QueueOffset(20))
    }

    @Test("a message pulled twice is refused, acknowledged or not")
    func duplicates() {
        var queue = Self.queue(filled: [0, 1])
        #expect(queue.pulled(1, at: QueueOffset(1), bytes: 10) == false)
        #expect(queue.take(at: .zero)?.message == 0)
        queue.acknowledge(QueueOffset(0))
        #expect(queue.pulled(0, at: QueueOffset(0), bytes: 10) == false)
        #expect(queue.pulled(9, at: QueueOffset(.max), bytes: 10) == false)
        #expect(queue.count == 1)
    }

    @Test("only what was given out can be acknowledged, and only once")
    func acknowledgesOnce() {
        var queue = Self.queue(filled: [0])
        #expect(queue.acknowledge(QueueOffset(0)) == false)
        _ = queue.take(at: .zero)
        #expect(queue.acknowledge(QueueOffset(0)) == true)
        #expect(queue.acknowledge(QueueOffset(0)) == false)
        #expect(queue.giveBack(QueueOffset(0), dueAt: .zero) == false)
    }

    @Test("what was given back is given out again when it is due, before fresh messages")
    func givesBack() {
        var queue = Self.queue(filled: [0, 1])
        _ = queue.take(at: .zero)
        #expect(queue.giveBack(QueueOffset(0), dueAt: Tick(.seconds(2))) == true)
        #expect(queue.nextDueAt(after: .zero) == Tick(.seconds(2)))
        #expect(queue.nextDueAt(after: Tick(.seconds(2))) == nil)
        #expect(queue.acknowledge(QueueOffset(0)) == false)
        let again = queue.take(at: Tick(.seconds(2)))
        #expect(again?.message == 0)
        #expect(again?.deliveries == 2)
        #expect(queue.take(at: Tick(.seconds(2)))?.message == 1)
        #expect(queue.take(at: Tick(.seconds(2))) == nil)
        #expect(queue.commitOffset == QueueOffset(0))
        queue.checkInvariants()
    }

    @Test("count, bytes and span bound what is pulled")
    func bounds() {
        func queue(_ limits: ProcessQueue<Int>.Limits) -> ProcessQueue<Int> {
            var queue = ProcessQueue<Int>(startingAt: .zero, limits: limits)
            #expect(queue.hasRoom)
            _ = queue.pulled(0, at: .zero, bytes: 60)
            #expect(queue.hasRoom)
            _ = queue.pulled(1, at: QueueOffset(1), bytes: 60)
            return queue
        }
        var byCount = queue(.init(messagesMax: 2, bytesMax: 1000, spanMax: 100))
        #expect(!byCount.hasRoom)
        _ = byCount.take(at: .zero)
        byCount.acknowledge(.zero)
        #expect(byCount.hasRoom)
        #expect(!queue(.init(messagesMax: 100, bytesMax: 120, spanMax: 100)).hasRoom)
        #expect(!queue(.init(messagesMax: 100, bytesMax: 1000, spanMax: 2)).hasRoom)
    }

    @Test("any order of acknowledging and giving back keeps the invariants", arguments: 1...20)
    func anyOrder(seed: Int) {
        var random = SplitMix(state: UInt64(seed))
        var queue = Self.queue(filled: [])
        var out: [Int64] = []
        var done: Set<Int64> = []
        var offset: Int64 = 0
        for step in 0..<500 {
            let now = Tick(.milliseconds(step))
            switch Int.random(in: 0..<4, using: &random) {
            case 0:
                offset += Int64.random(in: 0...3, using: &random)
                #expect(queue.pulled(offset, at: QueueOffset(offset), bytes: 7) == true)
                offset += 1
            case 1:
                if let taken = queue.take(at: now) { out.append(taken.message) }
            case 2 where !out.isEmpty:
                let chosen = out.remove(at: Int.random(in: 0..<out.count, using: &random))
                #expect(queue.acknowledge(QueueOffset(chosen)) == true)
                done.insert(chosen)
            case 3 where !out.isEmpty:
                let chosen = out.remove(at: Int.random(in: 0..<out.count, using: &random))
                #expect(queue.giveBack(QueueOffset(chosen), dueAt: now + .milliseconds(5)) == true)
            default: break
            }
            queue.checkInvariants()
            #expect(!done.contains(queue.commitOffset.value))
        }
    }
}

/// A small seeded generator, so that a failing run replays.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var value = self.state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
