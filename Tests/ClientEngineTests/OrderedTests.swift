import ClientCore
import ClientEngine
import MessageFormat
import RemotingProtocol
import Testing

extension ConsumerDriver {
    static func ordered(
        _ change: (inout OrderlyQueue<InboundMessage>.Settings) -> Void = { _ in },
        configured: (inout ConsumerEngine.Configuration) -> Void = { _ in }
    ) -> ConsumerDriver {
        var driver = ConsumerDriver(tags: "*", configured)
        var settings = OrderlyQueue<InboundMessage>.Settings()
        change(&settings)
        driver.engine.consumeInOrder(settings)
        return driver
    }

    /// Answers every question for locks that is open. Returns what was asked for in each.
    @discardableResult
    mutating func lock(_ isGranted: (MessageQueue) -> Bool = { _ in true }) -> [[MessageQueue]] {
        var asked: [[MessageQueue]] = []
        while let call = self.nextCall(.lockBatchMQ) {
            let queues = (try? LockBatchBody(parsing: call.command.body))?.queues ?? []
            asked.append(queues)
            let answer = LockBatchResult(queues: queues.filter(isGranted))
            self.end(call, Answers.command(.success, body: answer.encoded))
        }
        return asked
    }

    /// Joined alone, every queue locked, the group at 0, `count` messages in each queue's buffer.
    mutating func beginOrdered(queues: Int32 = 1, messages count: Int64 = 3) {
        self.join(queues: queues)
        self.members(["c1"])
        self.lock()
        self.startPulling(messages: count)
    }

    mutating func startPulling(at offset: Int64 = 0, messages count: Int64 = 3) {
        while let question = self.nextCall(.queryConsumerOffset) {
            self.end(question, Answers.offset(offset))
        }
        for pull in self.pulls where pull.request.offset.value == offset {
            self.pulls.removeAll { $0.token == pull.token }
            self.end(
                pull,
                Answers.pulled(
                    .success, next: offset + count,
                    body: Answers.messages(offset..<(offset + count))))
        }
    }

    mutating func takeBatch() -> OrderedBatch? {
        let batch = self.engine.takeBatch(at: self.now)
        self.collect()
        return batch
    }

    @discardableResult
    mutating func finish(
        _ batch: OrderedBatch?, _ outcome: OrderlyQueue<InboundMessage>.Outcome = .success
    ) -> Bool {
        guard let batch else { return false }
        let counts = self.engine.finished(batch, outcome, error: "no", at: self.now)
        self.collect()
        return counts
    }

    /// The group's members are these from now on.
    mutating func membersAre(_ ids: [String]) {
        self.engine.membersChanged(group: "G", at: self.now)
        self.collect()
        self.members(ids)
    }
}

extension OrderedBatch {
    var offsets: [Int64] { self.messages.map(\.queueOffset.value) }
}

@Suite struct OrderedTests {
    func queue(_ id: Int32) -> MessageQueue {
        MessageQueue(topic: "T", brokerName: "a", queueID: id)
    }

    @Test("the locks of a broker's queues are asked for together; nothing is pulled without one")
    func locks() {
        var driver = ConsumerDriver.ordered()
        driver.join(queues: 3)
        driver.members(["c1"])
        #expect(driver.lock { $0.queueID != 1 } == [[self.queue(0), self.queue(1), self.queue(2)]])
        driver.startPulling()
        let batches = [driver.takeBatch(), driver.takeBatch(), driver.takeBatch()]
        #expect(batches.map { $0?.queue } == [self.queue(0), self.queue(2), nil])
        driver.advance(to: ms(10))
        #expect(driver.lock() == [[self.queue(1)]])
        driver.startPulling()
        #expect(driver.takeBatch()?.queue == self.queue(1))
    }

    @Test("the next message comes after the last one's success, the same one after its suspension")
    func oneByOne() {
        var driver = ConsumerDriver.ordered()
        driver.beginOrdered()
        let first = driver.takeBatch()
        #expect(first?.offsets == [0])
        #expect(driver.takeBatch() == nil)
        driver.finish(first, .suspend(for: .milliseconds(100)))
        #expect(driver.takeBatch() == nil)
        driver.advance(to: ms(100))
        let again = driver.takeBatch()
        #expect(again?.offsets == [0])
        #expect(again?.attempts == 2)
        driver.finish(again)
        #expect(driver.takeBatch()?.offsets == [1])
        driver.advance(to: ms(5_000))
        #expect(driver.nextCall(.updateConsumerOffset)?.command["commitOffset"] == "1")
    }

    @Test("a queue goes to another member only after its batch, the last commit and the unlock")
    func handsOver() {
        var driver = ConsumerDriver.ordered()
        driver.beginOrdered(queues: 2)
        let (zero, one) = (driver.takeBatch(), driver.takeBatch())
        #expect(one?.queue == self.queue(1))
        driver.now = ms(500)
        driver.membersAre(["c1", "c2"])
        #expect(driver.revoked == [])
        #expect(driver.nextCall(.unlockBatchMQ) == nil)
        driver.finish(one)
        let last = driver.nextCall(.updateConsumerOffset)
        #expect(last?.command["commitOffset"] == "1")
        #expect(driver.nextCall(.unlockBatchMQ) == nil)
        driver.end(last, Answers.command(.success))
        #expect(driver.nextCall(.unlockBatchMQ) != nil)
        #expect(driver.revoked == [self.queue(1)])
        driver.finish(zero)
        #expect(driver.takeBatch()?.queue == self.queue(0))
    }

    @Test("a queue that comes back while it is being released is taken over anew, from the offset")
    func comesBack() {
        var driver = ConsumerDriver.ordered()
        driver.beginOrdered(queues: 2)
        let (zero, one) = (driver.takeBatch(), driver.takeBatch())
        driver.finish(zero)
        driver.now = ms(500)
        driver.membersAre(["c1", "c2"])
        driver.now = ms(1_000)
        driver.membersAre(["c1"])
        #expect(driver.assigned.count == 2, "the old possession has not ended yet")
        driver.finish(one)
        driver.end(driver.nextCall(.updateConsumerOffset), Answers.command(.success))
        driver.advance(to: ms(1_100))
        driver.members(["c1"])
        #expect(driver.assigned.count == 3)
        driver.lock()
        driver.startPulling(at: 1, messages: 2)
        var taken: [OrderedBatch] = []
        while let batch = driver.takeBatch() { taken.append(batch) }
        #expect(taken.last?.queue == self.queue(1))
        #expect(taken.last?.offsets == [1])
    }

    @Test("a handler that is still at work holds back the same queue's next possession")
    func exclusive() {
        var driver = ConsumerDriver.ordered { $0.releaseMax = .seconds(1) }
        driver.beginOrdered(queues: 2)
        _ = driver.takeBatch()
        let slow = driver.takeBatch()
        driver.now = ms(500)
        driver.membersAre(["c1", "c2"])
        driver.advance(to: ms(1_600))
        driver.end(driver.nextCall(.unlockBatchMQ), Answers.command(.success))
        #expect(driver.revoked == [self.queue(1)])
        driver.membersAre(["c1"])
        driver.advance(to: ms(1_700))
        driver.members(["c1"])
        driver.lock()
        driver.startPulling(messages: 2)
        #expect(driver.takeBatch() == nil)
        #expect(driver.finish(slow) == false)
        #expect(driver.takeBatch()?.queue == self.queue(1))
    }

    @Test("a lock that is not renewed in time voids the batch that is out; the offset is read anew")
    func losesLock() {
        var driver = ConsumerDriver.ordered()
        driver.beginOrdered()
        let batch = driver.takeBatch()
        driver.advance(to: ms(20_000))
        driver.end(driver.nextCall(.lockBatchMQ), Answers.timedOut)
        driver.advance(to: ms(30_000))
        #expect(driver.finish(batch) == false)
        driver.calls.removeAll { $0.command.code == RequestCode.updateConsumerOffset.rawValue }
        driver.advance(to: ms(31_000))
        #expect(driver.nextCall(.updateConsumerOffset) == nil)
        driver.lock()
        driver.startPulling(at: 2, messages: 1)
        #expect(driver.takeBatch()?.offsets == [2])
    }

    @Test("a new master is asked for the locks at once")
    func newMaster() {
        var driver = ConsumerDriver.ordered()
        driver.beginOrdered()
        driver.advance(to: ms(3_000))
        driver.end(
            driver.nextCall(.getRouteInfoByTopic),
            Answers.route(["a"], queues: 1, masterOf: ["a": "a:2"]))
        let question = driver.nextCall(.lockBatchMQ)
        #expect(question?.address == "a:2")
        // Somebody else has it there: what is buffered is void.
        driver.end(
            question,
            Answers.command(.success, body: LockBatchResult(queues: []).encoded))
        #expect(driver.takeBatch() == nil)
    }

    @Test("after so many attempts the messages become dead letters, and the queue goes on")
    func deadLetters() throws {
        var driver = ConsumerDriver.ordered {
            $0.attemptsMax = 2
            $0.batchMax = 2
        }
        driver.beginOrdered()
        driver.finish(driver.takeBatch(), .suspend())
        driver.advance(to: ms(1_000))
        driver.finish(driver.takeBatch(), .suspend())
        for _ in 0..<2 {
            let sentCall = driver.nextCall(.sendMessageV2)
            let sent = try #require(sentCall)
            #expect(sent.command["b"] == "%RETRY%G")
            #expect(sent.command["apusError"] == "no")
            #expect(driver.takeBatch() == nil)
            driver.end(sent, Answers.command(.success))
        }
        #expect(driver.takeBatch()?.offsets == [2])
    }

    @Test("closing waits for the handler, commits, unlocks, and only then leaves the group")
    func closes() {
        var driver = ConsumerDriver.ordered()
        driver.beginOrdered()
        let batch = driver.takeBatch()
        driver.engine.close(at: ms(10))
        driver.collect()
        #expect(driver.nextCall(.unregisterClient) == nil)
        driver.now = ms(20)
        #expect(driver.finish(batch) == true)
        #expect(driver.nextCall(.unregisterClient) == nil)
        driver.end(driver.nextCall(.updateConsumerOffset), Answers.command(.success))
        driver.end(driver.nextCall(.unlockBatchMQ), Answers.command(.success))
        #expect(!driver.isClosed)
        driver.end(driver.nextCall(.unregisterClient), Answers.command(.success))
        #expect(driver.isClosed)
    }

    @Test("a handler that never ends holds up closing for no longer than a release may take")
    func closesAnyway() {
        var driver = ConsumerDriver.ordered { $0.releaseMax = .seconds(2) }
        driver.beginOrdered()
        _ = driver.takeBatch()
        driver.engine.close(at: ms(10))
        driver.collect()
        #expect(driver.engine.nextWakeAt == ms(2_010))
        driver.advance(to: ms(2_010))
        driver.end(driver.nextCall(.unlockBatchMQ), Answers.command(.success))
        driver.end(driver.nextCall(.unregisterClient), Answers.command(.success))
        #expect(driver.isClosed)
    }
}

@Suite struct ControlTests {
    let queue = MessageQueue(topic: "T", brokerName: "a", queueID: 0)

    @Test("a suspended consumer pulls nothing and hands out nothing until it is resumed")
    func suspends() {
        var driver = ConsumerDriver()
        driver.begin()
        let pull = driver.nextPull()
        driver.engine.suspend()
        driver.end(pull, Answers.pulled(.success, next: 1, body: Answers.messages([0])))
        #expect(driver.take() == nil)
        driver.advance(to: ms(10_000))
        #expect(driver.nextPull() == nil)
        driver.engine.resume(at: driver.now)
        driver.collect()
        #expect(driver.take()?.message.queueOffset == QueueOffset(0))
        #expect(driver.nextPull()?.request.offset == QueueOffset(1))
    }

    @Test("a suspended or paused consumer sleeps", arguments: [true, false])
    func sleeps(isSuspended: Bool) throws {
        var driver = ConsumerDriver()
        driver.begin()
        let pull = driver.nextPull()
        if isSuspended { driver.engine.suspend() } else { driver.engine.pause([self.queue]) }
        driver.end(pull, Answers.pulled(.pullNotFound, next: 0))
        driver.advance(to: driver.now + .milliseconds(1_500))
        let wake = try #require(driver.engine.nextWakeAt)
        #expect(wake > driver.now)
    }

    @Test("what was buffered does not count after a seek, and the pull goes on there")
    func seeks() {
        var driver = ConsumerDriver()
        driver.begin()
        driver.end(
            driver.nextPull(), Answers.pulled(.success, next: 2, body: Answers.messages(0..<2)))
        let old = driver.take()
        let late = driver.nextPull()
        #expect(driver.engine.seek(self.queue, to: QueueOffset(50), at: driver.now) == true)
        driver.collect()
        #expect(driver.acknowledge(old) == false)
        driver.end(late, Answers.pulled(.success, next: 3, body: Answers.messages([2])))
        #expect(driver.take() == nil)
        #expect(driver.nextPull()?.request.offset == QueueOffset(50))
        #expect(driver.nextCall(.updateConsumerOffset) == nil)
    }

    @Test("an operator's reset takes effect at once and is confirmed to the broker once")
    func resets() {
        var driver = ConsumerDriver()
        driver.begin(at: 90)
        driver.engine.resetOffsets([self.queue: QueueOffset(3)], at: driver.now)
        driver.collect()
        driver.end(driver.nextCall(.updateConsumerOffset), Answers.lost)
        #expect(driver.pulls.last?.request.offset == QueueOffset(3))
        driver.advance(to: ms(10_000))
        #expect(driver.nextCall(.updateConsumerOffset) == nil)
    }

    @Test("a broadcasting consumer tells its progress, and goes on where it was")
    func broadcastOffsets() {
        var driver = ConsumerDriver {
            $0.model = .broadcasting
            $0.keepsOffsets = true
            $0.knownOffsets = [MessageQueue(topic: "T", brokerName: "a", queueID: 0): .init(7)]
        }
        driver.join()
        #expect(driver.nextCall(.getMaxOffset) == nil)
        let pull = driver.nextPull()
        #expect(pull?.request.offset == QueueOffset(7))
        driver.end(pull, Answers.pulled(.success, next: 8, body: Answers.messages([7])))
        driver.acknowledge(driver.take())
        driver.advance(to: ms(5_000))
        #expect(driver.kept == [self.queue: QueueOffset(8)])
        #expect(driver.nextCall(.updateConsumerOffset) == nil)
    }
}
