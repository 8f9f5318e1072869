import ClientCore
import MessageFormat
import Testing

@Suite("Orderly consumption of one queue")
struct OrderlyQueueTests {
    typealias Queue = OrderlyQueue<Int64>

    static func at(_ seconds: Double) -> Tick { Tick(.milliseconds(Int64(seconds * 1000))) }

    static func lockTicket(_ effects: [Queue.Effect]) -> OrderlyTicket? {
        effects.compactMap { if case .lock(let ticket) = $0 { ticket } else { nil } }.last
    }

    static func readTicket(_ effects: [Queue.Effect]) -> OrderlyTicket? {
        effects.compactMap { if case .readOffset(let ticket) = $0 { ticket } else { nil } }.last
    }

    /// Locked at zero and filled from `start`.
    static func queue(
        _ settings: Queue.Settings = .init(), from start: Int64 = 0, filled count: Int64 = 5
    ) throws -> Queue {
        var queue = Queue(assignment: 7, settings: settings, at: .zero)
        try Self.win(&queue, from: start, filled: count, at: .zero)
        return queue
    }

    static func win(
        _ queue: inout Queue, from start: Int64, filled count: Int64, at now: Tick
    ) throws {
        let lock = try need(Self.lockTicket(queue.advance(to: now)))
        let read = try need(Self.readTicket(queue.lockAnswered(lock, .granted, at: now)))
        #expect(queue.located(read, at: QueueOffset(start), now: now) == [])
        for offset in start..<(start + count) {
            #expect(
                queue.pulled(queue.pullTicket, offset, at: QueueOffset(offset), bytes: 10) == true)
        }
        queue.checkInvariants()
    }

    @Test("it locks, reads the offset, and only then pulls and hands out")
    func begins() throws {
        var queue = Queue(assignment: 7, at: .zero)
        #expect(!queue.hasRoom(at: .zero))
        let lock = try need(Self.lockTicket(queue.advance(to: .zero)))
        #expect(queue.advance(to: Self.at(1)) == [])
        let read = try need(Self.readTicket(queue.lockAnswered(lock, .granted, at: Self.at(1))))
        #expect(!queue.hasRoom(at: Self.at(1)))
        #expect(queue.commitOffset(at: Self.at(1)) == nil)
        #expect(queue.located(read, at: QueueOffset(40), now: Self.at(1)) == [])
        #expect(queue.hasRoom(at: Self.at(1)))
        #expect(queue.pullOffset == QueueOffset(40))
        #expect(queue.commitOffset(at: Self.at(1)) == QueueOffset(40))
    }

    @Test("one batch is out at a time, in order, and the offset follows success")
    func inOrder() throws {
        var settings = Queue.Settings()
        settings.batchMax = 2
        var queue = try Self.queue(settings)
        let first = try need(queue.take(at: .zero))
        #expect(first.messages == [0, 1])
        #expect(queue.take(at: .zero) == nil)
        #expect(queue.commitOffset(at: .zero) == QueueOffset(0))
        #expect(queue.finished(first.ticket, .success, at: .zero) == [])
        #expect(queue.commitOffset(at: .zero) == QueueOffset(2))
        #expect(queue.finished(first.ticket, .success, at: .zero) == [])
        #expect(queue.commitOffset(at: .zero) == QueueOffset(2))
        #expect(queue.take(at: .zero)?.messages == [2, 3])
    }

    @Test("SUSPEND hands out the same messages after the pause, counted")
    func suspends() throws {
        var settings = Queue.Settings()
        settings.batchMax = 2
        var queue = try Self.queue(settings, filled: 1)
        let first = try need(queue.take(at: .zero))
        _ = queue.pulled(queue.pullTicket, 1, at: QueueOffset(1), bytes: 10)
        #expect(queue.finished(first.ticket, .suspend(), at: .zero) == [])
        #expect(queue.take(at: Self.at(0.999)) == nil)
        #expect(queue.nextWakeAt == Self.at(1))
        let second = try need(queue.take(at: Self.at(1)))
        #expect(second.messages == [0])
        #expect(second.attempts == 2)
        // The pause keeps its bounds.
        _ = queue.finished(second.ticket, .suspend(for: .zero), at: Self.at(1))
        #expect(queue.take(at: Self.at(1.009)) == nil)
        let third = try need(queue.take(at: Self.at(1.01)))
        _ = queue.finished(third.ticket, .suspend(for: .seconds(1000)), at: Self.at(2))
        #expect(queue.nextWakeAt == Self.at(20))
        #expect(queue.commitOffset(at: Self.at(2)) == QueueOffset(0))
    }

    @Test("after the last attempt a batch becomes a dead letter, then order goes on")
    func deadLetters() throws {
        var settings = Queue.Settings()
        settings.batchMax = 2
        settings.attemptsMax = 2
        var queue = try Self.queue(settings)
        let first = try need(queue.take(at: .zero))
        #expect(queue.finished(first.ticket, .suspend(), at: .zero) == [])
        let second = try need(queue.take(at: Self.at(1)))
        let effects = queue.finished(second.ticket, .suspend(), at: Self.at(1))
        guard case .deadLetter(let ticket)? = effects.first else { throw Missing() }
        #expect(queue.deadLetters(ticket).map(\.1) == [0, 1])
        #expect(queue.take(at: Self.at(3)) == nil)
        #expect(queue.finished(ticket, .success, at: Self.at(3)) == [])
        #expect(queue.commitOffset(at: Self.at(3)) == QueueOffset(0))
        // One could be sent, the other one comes back to the handler.
        #expect(queue.deadLettered(ticket, stored: 1, at: Self.at(3)) == [])
        #expect(queue.commitOffset(at: Self.at(3)) == QueueOffset(1))
        #expect(queue.take(at: Self.at(3.5)) == nil)
        let third = try need(queue.take(at: Self.at(4)))
        #expect(third.messages == [1])
        #expect(third.attempts == 3)
        let again = queue.finished(third.ticket, .suspend(), at: Self.at(4))
        guard case .deadLetter(let last)? = again.first else { throw Missing() }
        #expect(queue.deadLettered(last, stored: 1, at: Self.at(4)) == [])
        #expect(queue.take(at: Self.at(4))?.messages == [2, 3])
    }

    @Test("the lock is renewed every 20 s and counts from when it was asked for")
    func renews() throws {
        var queue = try Self.queue()
        #expect(queue.advance(to: Self.at(19)) == [])
        let renewal = try need(Self.lockTicket(queue.advance(to: Self.at(20))))
        #expect(queue.lockAnswered(renewal, .granted, at: Self.at(25)) == [])
        #expect(queue.isReady(at: Self.at(49)))
        #expect(!queue.isReady(at: Self.at(50)))
        #expect(queue.nextWakeAt == Self.at(40))
    }

    @Test("nothing is handed out or committed when the lock may have ended")
    func strict() throws {
        var queue = try Self.queue()
        let out = try need(queue.take(at: Self.at(29)))
        #expect(!queue.hasSomething(at: Self.at(30)))
        #expect(queue.commitOffset(at: Self.at(30)) == nil)
        let effects = queue.finished(out.ticket, .success, at: Self.at(30))
        #expect(effects.prefix(2) == [.stale(out.ticket), .lost])
        #expect(queue.take(at: Self.at(30)) == nil)
        #expect(queue.count == 0)
        #expect(queue.pulled(out.ticket, 5, at: QueueOffset(5), bytes: 1) == false)
        // Locked again: the group's offset is read anew, wherever it is by now.
        let lock = try need(Self.lockTicket(effects))
        let read = try need(
            Self.readTicket(queue.lockAnswered(lock, .granted, at: Self.at(30))))
        #expect(queue.located(read, at: QueueOffset(3), now: Self.at(30)) == [])
        #expect(queue.pullOffset == QueueOffset(3))
        queue.checkInvariants()
    }

    @Test("a renewal without answer is repeated while the lock lasts; a refused one ends it")
    func renewalFails() throws {
        var queue = try Self.queue()
        let first = try need(Self.lockTicket(queue.advance(to: Self.at(20))))
        #expect(queue.lockAnswered(first, .failed, at: Self.at(23)) == [])
        #expect(queue.isReady(at: Self.at(23)))
        let second = try need(Self.lockTicket(queue.advance(to: Self.at(23.01))))
        #expect(queue.lockAnswered(first, .granted, at: Self.at(23.02)) == [])
        #expect(queue.lockAnswered(second, .refused, at: Self.at(24)) == [.lost])
        #expect(!queue.isReady(at: Self.at(24)))
    }

    @Test("a grant that arrives after its time is none")
    func lateGrant() throws {
        var queue = Queue(assignment: 7, at: .zero)
        let lock = try need(Self.lockTicket(queue.advance(to: .zero)))
        #expect(queue.lockAnswered(lock, .granted, at: Self.at(30)) == [])
        #expect(Self.lockTicket(queue.advance(to: Self.at(30.01))) != nil)
    }

    @Test("a refused lock is asked for again, soon at first, twice a second later")
    func backsOff() throws {
        var queue = Queue(assignment: 7, at: .zero)
        var pauses: [Duration] = []
        var now = Tick.zero
        for _ in 0..<9 {
            let lock = try need(Self.lockTicket(queue.advance(to: now)))
            #expect(queue.lockAnswered(lock, .refused, at: now) == [])
            let next = try need(queue.nextWakeAt)
            pauses.append(next - now)
            now = next
        }
        #expect(pauses == [10, 20, 40, 80, 160, 320, 500, 500, 500].map { .milliseconds($0) })
    }

    @Test("while the handler of a lost lock still works, nothing else is handed out")
    func oneHandler() throws {
        var queue = try Self.queue()
        let out = try need(queue.take(at: .zero))
        let renewal = try need(Self.lockTicket(queue.advance(to: Self.at(20))))
        #expect(queue.lockAnswered(renewal, .refused, at: Self.at(20)) == [.lost])
        try Self.win(&queue, from: 0, filled: 3, at: Self.at(21))
        #expect(queue.take(at: Self.at(21)) == nil)
        #expect(queue.finished(out.ticket, .success, at: Self.at(22)) == [.stale(out.ticket)])
        #expect(queue.commitOffset(at: Self.at(22)) == QueueOffset(0))
        #expect(queue.take(at: Self.at(22))?.messages == [0])
    }

    @Test("released: the batch that is out ends, its offset is committed, then it is unlocked")
    func releases() throws {
        var queue = try Self.queue()
        let out = try need(queue.take(at: .zero))
        #expect(queue.release(at: Self.at(1)) == [])
        #expect(queue.take(at: Self.at(1)) == nil)
        let effects = queue.finished(out.ticket, .success, at: Self.at(2))
        guard case .commitLast(let ticket, let offset)? = effects.first else { throw Missing() }
        #expect(offset == QueueOffset(1))
        #expect(queue.lastCommitEnded(out.ticket) == [])
        #expect(queue.lastCommitEnded(ticket) == [.unlock, .released])
        #expect(queue.isReleased)
        #expect(queue.advance(to: Self.at(100)) == [])
    }

    @Test("released: neither a handler nor a commit that hangs holds the lock for long")
    func releaseEnds() throws {
        var queue = try Self.queue()
        let out = try need(queue.take(at: .zero))
        #expect(queue.release(at: Self.at(1)) == [])
        #expect(queue.nextWakeAt == Self.at(21))
        let effects = queue.advance(to: Self.at(21))
        guard case .commitLast(_, let offset)? = effects.first else { throw Missing() }
        #expect(offset == QueueOffset(0))
        #expect(queue.finished(out.ticket, .success, at: Self.at(22)) == [])
        #expect(queue.advance(to: Self.at(24)) == [.unlock, .released])
    }

    @Test("released without a lock: nothing is committed; what may be held is unlocked")
    func releaseUnlocked() throws {
        var fresh = Queue(assignment: 7, at: .zero)
        #expect(fresh.release(at: .zero) == [.released])
        var asking = Queue(assignment: 7, at: .zero)
        let lock = try need(Self.lockTicket(asking.advance(to: .zero)))
        #expect(asking.release(at: .zero) == [.unlock, .released])
        #expect(asking.lockAnswered(lock, .granted, at: .zero) == [])
        var expired = try Self.queue()
        _ = expired.take(at: .zero)
        #expect(expired.release(at: Self.at(31)) == [.unlock, .released])
        var working = try Self.queue()
        _ = working.take(at: .zero)
        guard case .commitLast? = working.release(atOnce: true, at: Self.at(1)).first else {
            throw Missing()
        }
    }

    @Test("the broker moves the queue: what is out and buffered is void")
    func moves() throws {
        var queue = try Self.queue()
        let out = try need(queue.take(at: .zero))
        let pull = queue.pullTicket
        #expect(queue.moved(pull, to: QueueOffset(100)) == true)
        #expect(queue.moved(pull, to: QueueOffset(200)) == false)
        #expect(queue.pulled(pull, 5, at: QueueOffset(150), bytes: 1) == false)
        #expect(queue.finished(out.ticket, .success, at: .zero) == [.stale(out.ticket)])
        #expect(queue.commitOffset(at: .zero) == QueueOffset(100))
    }

    @Test("an offset that cannot be read is asked for again")
    func offsetFails() throws {
        var queue = Queue(assignment: 7, at: .zero)
        let lock = try need(Self.lockTicket(queue.advance(to: .zero)))
        let read = try need(Self.readTicket(queue.lockAnswered(lock, .granted, at: .zero)))
        #expect(queue.located(read, at: nil, now: .zero) == [])
        #expect(Self.readTicket(queue.advance(to: Self.at(0.1))) == nil)
        let again = try need(Self.readTicket(queue.advance(to: Self.at(0.2))))
        #expect(queue.located(read, at: QueueOffset(1), now: Self.at(0.3)) == [])
        #expect(queue.located(again, at: QueueOffset(2), now: Self.at(0.3)) == [])
        #expect(queue.pullOffset == QueueOffset(2))
    }
}

struct Missing: Error {}

/// `#require` for what changes its receiver.
func need<T>(_ value: T?) throws -> T { try #require(value) }
