import ClientCore
import ClientEngine
import MessageFormat
import RemotingProtocol
import Testing

@Suite struct ConsumerEngineTests {
    let queue = MessageQueue(topic: "T", brokerName: "a", queueID: 0)

    @Test("a consumer joins, takes its share, and pulls from the group's offset on")
    func starts() {
        var driver = ConsumerDriver()
        driver.join()
        driver.members(["c1"])
        #expect(driver.assigned == [self.queue])
        let question = driver.nextCall(.queryConsumerOffset)
        #expect(question?.address == "a:1")
        driver.end(question, Answers.offset(42))
        let pull = driver.nextPull()
        #expect(pull?.request.offset == QueueOffset(42))
        #expect(pull?.address == "a:1")
    }

    @Test(
        "a group without an offset begins where its policy says",
        arguments: [
            (StartingPoint.first, RequestCode.getMinOffset),
            (.last, .getMaxOffset), (.time(Timestamp(milliseconds: 9)), .searchOffsetByTimestamp),
        ])
    func startingPoint(start: StartingPoint, question: RequestCode) {
        var driver = ConsumerDriver { $0.start = start }
        driver.join()
        driver.members(["c1"])
        driver.end(driver.nextCall(.queryConsumerOffset), Answers.command(.queryNotFound))
        driver.end(driver.nextCall(question), Answers.offset(5))
        if start != .first {
            driver.end(driver.nextCall(.updateConsumerOffset), Answers.command(.success))
        }
        #expect(driver.nextPull()?.request.offset == QueueOffset(5))
    }

    @Test("an offset that cannot be read is asked for again, never guessed")
    func offsetUnknown() {
        var driver = ConsumerDriver()
        driver.join()
        driver.members(["c1"])
        driver.end(driver.nextCall(.queryConsumerOffset), Answers.command(.systemError))
        #expect(driver.pulls.isEmpty)
        driver.advance(to: ms(100))
        driver.end(driver.nextCall(.queryConsumerOffset), Answers.offset(3))
        #expect(driver.nextPull()?.request.offset == QueueOffset(3))
    }

    @Test("offsets move only past acknowledged messages")
    func commits() {
        var driver = ConsumerDriver()
        driver.begin()
        driver.end(
            driver.nextPull(), Answers.pulled(.success, next: 3, body: Answers.messages(0..<3)))
        let deliveries = (0..<3).map { _ in driver.take() }
        #expect(deliveries.map { $0?.message.queueOffset.value } == [0, 1, 2])
        #expect(driver.take() == nil)
        driver.acknowledge(deliveries[1])
        driver.end(driver.nextPull(), Answers.pulled(.pullNotFound, next: 3))
        driver.advance(to: ms(4_000))
        #expect(driver.nextPull()?.request.commit == nil)
        driver.acknowledge(deliveries[0])
        driver.advance(to: ms(5_000))
        let commit = driver.nextCall(.updateConsumerOffset)
        #expect(commit?.command["commitOffset"] == "2")
        // Not confirmed, so it is sent again.
        driver.end(commit, Answers.lost)
        driver.advance(to: ms(10_000))
        driver.end(driver.nextCall(.updateConsumerOffset), Answers.command(.success))
        driver.advance(to: ms(15_000))
        #expect(driver.nextCall(.updateConsumerOffset) == nil)
    }

    @Test("what does not match the tags is passed")
    func filtered() {
        var driver = ConsumerDriver(tags: "A || B")
        driver.begin()
        driver.end(
            driver.nextPull(),
            Answers.pulled(
                .success, next: 4,
                body: Answers.messages([0], tag: "A") + Answers.messages([1], tag: "C")))
        let only = driver.take()
        #expect(only?.message.queueOffset == QueueOffset(0))
        #expect(driver.take() == nil)
        driver.acknowledge(only)
        driver.advance(to: ms(5_000))
        #expect(driver.nextCall(.updateConsumerOffset)?.command["commitOffset"] == "4")
    }

    @Test("a full buffer stops pulling until something is acknowledged")
    func flowControl() {
        var driver = ConsumerDriver { $0.buffer.messagesMax = 3 }
        driver.begin()
        driver.end(
            driver.nextPull(), Answers.pulled(.success, next: 3, body: Answers.messages(0..<3)))
        #expect(driver.pulls.isEmpty)
        driver.advance(to: ms(1_000))
        #expect(driver.pulls.isEmpty)
        let first = driver.take()
        #expect(driver.pulls.isEmpty)
        driver.acknowledge(first)
        #expect(driver.nextPull()?.request.offset == QueueOffset(3))
    }

    @Test("a message that was given back comes again, after its delay")
    func givesBack() {
        var driver = ConsumerDriver()
        driver.begin()
        driver.end(
            driver.nextPull(), Answers.pulled(.success, next: 1, body: Answers.messages([0])))
        guard let first = driver.take() else {
            Issue.record("nothing to take")
            return
        }
        #expect(
            driver.engine.giveBack(
                QueueOffset(0), of: first.assignment, after: .seconds(1), at: driver.now) == true)
        #expect(driver.take() == nil)
        driver.advance(to: ms(1_000))
        let again = driver.take()
        #expect(again?.message.queueOffset == QueueOffset(0))
        #expect(again?.deliveries == 2)
    }

    @Test("a due message that nobody takes does not keep the clock ringing")
    func noRinging() {
        var driver = ConsumerDriver()
        driver.begin()
        driver.end(
            driver.nextPull(), Answers.pulled(.success, next: 2, body: Answers.messages(0..<2)))
        let taken = [driver.take(), driver.take()].compactMap(\.self)
        for (delivery, delay) in zip(taken, [1_000, 2_000]) {
            driver.engine.giveBack(
                delivery.message.queueOffset, of: delivery.assignment,
                after: .milliseconds(delay), at: driver.now)
        }
        driver.advance(to: ms(100))
        driver.members(["c1"])
        #expect(driver.engine.nextWakeAt == ms(1_000))
        driver.advance(to: ms(1_500))
        #expect(driver.engine.nextWakeAt == ms(2_000))
        driver.advance(to: ms(2_000))
        #expect(driver.engine.nextWakeAt == ms(5_000))
        #expect(driver.take() != nil)
        #expect(driver.take() != nil)
    }
}

@Suite struct RebalanceTests {
    func queue(_ id: Int32) -> MessageQueue {
        MessageQueue(topic: "T", brokerName: "a", queueID: id)
    }

    @Test("a new member gets its share at once, after a last commit of the old owner")
    func shares() {
        var driver = ConsumerDriver()
        driver.join(queues: 2)
        driver.members(["c1"])
        #expect(driver.assigned == [self.queue(0), self.queue(1)])
        for _ in 0..<2 { driver.end(driver.nextCall(.queryConsumerOffset), Answers.offset(0)) }
        let pulls = [driver.nextPull(), driver.nextPull()]
        driver.end(pulls[1], Answers.pulled(.success, next: 2, body: Answers.messages(0..<2)))
        let deliveries = [driver.take(), driver.take()]
        driver.acknowledge(deliveries[0])

        driver.now = ms(500)
        driver.engine.membersChanged(group: "G", at: driver.now)
        driver.collect()
        driver.members(["c1", "c2"])
        #expect(driver.revoked == [self.queue(1)])
        let last = driver.nextCall(.updateConsumerOffset)
        #expect(last?.command["queueId"] == "1")
        #expect(last?.command["commitOffset"] == "1")
        // The message is the other one's now.
        #expect(driver.acknowledge(deliveries[1]) == false)
        #expect(driver.take() == nil)
    }

    @Test("a queue that comes back is a new assignment")
    func comesBack() {
        var driver = ConsumerDriver()
        driver.begin()
        driver.end(
            driver.nextPull(), Answers.pulled(.success, next: 1, body: Answers.messages([0])))
        let old = driver.take()
        for (step, members) in [["c0", "c1"], ["c1"]].enumerated() {
            driver.now = ms(500 * (step + 1))
            driver.engine.membersChanged(group: "G", at: driver.now)
            driver.collect()
            driver.members(members)
        }
        driver.end(driver.nextCall(.queryConsumerOffset), Answers.offset(0))
        driver.end(
            driver.pulls.popLast(), Answers.pulled(.success, next: 1, body: Answers.messages([0])))
        let new = driver.take()
        #expect(new != nil)
        #expect(driver.acknowledge(old) == false)
        #expect(driver.acknowledge(new) == true)
    }

    @Test("a broker that does not know this consumer takes nothing away, and is told of it")
    func unknown() {
        var driver = ConsumerDriver()
        driver.begin()
        driver.now = ms(500)
        driver.engine.membersChanged(group: "G", at: driver.now)
        driver.collect()
        driver.end(driver.nextCall(.getConsumerListByGroup), Answers.members(["c9"]))
        #expect(driver.revoked == [])
        #expect(driver.nextCall(.heartBeat)?.address == "a:1")
        driver.advance(to: ms(800))
        driver.end(driver.nextCall(.getConsumerListByGroup), Answers.command(.systemError))
        #expect(driver.revoked == [])
    }

    @Test("a word from each broker about one change leads to one question")
    func oneQuestion() {
        var driver = ConsumerDriver()
        driver.begin()
        for step in 0..<5 {
            driver.now = ms(500 + step)
            driver.engine.membersChanged(group: "G", at: driver.now)
            driver.collect()
            if step == 0 { driver.members(["c1"]) }
        }
        #expect(driver.nextCall(.getConsumerListByGroup) == nil)
        driver.advance(to: ms(600))
        #expect(driver.nextCall(.getConsumerListByGroup) != nil)
    }

    @Test("another group's change is no business of ours")
    func otherGroup() {
        var driver = ConsumerDriver()
        driver.begin()
        driver.now = ms(500)
        driver.engine.membersChanged(group: "H", at: driver.now)
        driver.collect()
        #expect(driver.nextCall(.getConsumerListByGroup) == nil)
    }

    @Test("a closed connection is followed by a heartbeat and a new look at the members")
    func reconnects() {
        var driver = ConsumerDriver()
        driver.begin()
        driver.now = ms(1_000)
        driver.end(driver.nextPull(), Answers.lost)
        driver.engine.closed("a:1", at: driver.now)
        driver.collect()
        driver.end(driver.nextCall(.heartBeat), Answers.refused)
        driver.advance(to: ms(1_100))
        driver.end(driver.nextCall(.heartBeat), Answers.command(.success))
        #expect(driver.nextCall(.getConsumerListByGroup) != nil)
        driver.advance(to: ms(1_200))
        #expect(driver.nextPull()?.request.offset == QueueOffset(0))
    }

    @Test("an offset outside the queue begins a new assignment where the broker says")
    func offsetMoved() {
        var driver = ConsumerDriver()
        driver.begin(at: 50)
        let first = driver.nextPull()
        driver.end(first, Answers.pulled(.success, next: 51, body: Answers.messages([50])))
        let old = driver.take()
        driver.end(driver.nextPull(), Answers.pulled(.pullOffsetMoved, next: 7))
        #expect(driver.acknowledge(old) == false)
        #expect(driver.nextPull()?.request.offset == QueueOffset(7))
        let commit = driver.nextCall(.updateConsumerOffset)
        #expect(commit?.command["commitOffset"] == "7")
        driver.end(commit, Answers.lost)
        driver.advance(to: ms(5_000))
        #expect(driver.nextCall(.updateConsumerOffset) == nil)
    }

    @Test("failed pulls are repeated after growing pauses")
    func pullFails() {
        var driver = ConsumerDriver()
        driver.begin()
        var pulls = 0
        for step in 0..<5_000 {
            driver.advance(to: ms(step))
            while let pull = driver.nextPull() {
                pulls += 1
                driver.end(pull, Answers.refused)
            }
            while let call = driver.nextCall(.getRouteInfoByTopic) {
                driver.end(call, Answers.route(["a"], queues: 1))
            }
        }
        #expect((6...12).contains(pulls))
    }

    @Test("a broker that does not hold empty pulls is not asked in a tight loop")
    func noTightLoop() {
        var driver = ConsumerDriver()
        driver.begin()
        var pulls = 0
        for step in 0..<1_000 {
            driver.advance(to: ms(step))
            while let pull = driver.nextPull() {
                pulls += 1
                driver.end(pull, Answers.pulled(.pullNotFound, next: 0))
            }
        }
        #expect(pulls <= 51)
    }

    @Test("a broker that answers the same messages for ever is not asked in a tight loop")
    func noProgress() {
        var driver = ConsumerDriver()
        driver.begin(at: 5)
        var pulls = 0
        for step in 0..<1_000 {
            driver.advance(to: ms(step))
            while let pull = driver.nextPull() {
                pulls += 1
                driver.end(pull, Answers.pulled(.success, next: -1, body: Answers.messages([0])))
            }
        }
        #expect(pulls <= 21)
        #expect(driver.take() == nil)
    }

    @Test("broadcasting takes every queue and commits nothing")
    func broadcasting() {
        var driver = ConsumerDriver { $0.model = .broadcasting }
        driver.join(brokers: ["a", "b"])
        #expect(driver.assigned.count == 2)
        #expect(driver.nextCall(.queryConsumerOffset) == nil)
        driver.end(driver.nextCall(.getMaxOffset), Answers.offset(0))
        #expect(driver.nextPull()?.request.commit == nil)
        driver.advance(to: ms(30_000))
        #expect(driver.nextCall(.updateConsumerOffset) == nil)
    }

    @Test("closing commits, leaves the group, and is over when the brokers have answered")
    func closes() {
        var driver = ConsumerDriver()
        driver.begin()
        driver.end(
            driver.nextPull(), Answers.pulled(.success, next: 2, body: Answers.messages(0..<2)))
        driver.acknowledge(driver.take())
        driver.engine.close(at: ms(10))
        driver.collect()
        let commit = driver.nextCall(.updateConsumerOffset)
        #expect(commit?.command["commitOffset"] == "1")
        driver.end(commit, Answers.command(.success))
        #expect(!driver.isClosed)
        driver.end(driver.nextCall(.unregisterClient), Answers.timedOut)
        #expect(driver.isClosed)
        #expect(driver.engine.nextWakeAt == nil)
    }
}
