import ClientCore
import ClientEngine
import MessageFormat
import RemotingProtocol
import Testing

/// A consumer may have lost its queue without knowing it. Whatever it tells the broker then takes
/// the group back, so it tells only what it has done itself.
@Suite struct CommitTests {
    @Test("a consumer that has done nothing commits nothing, by itself or on pulls")
    func idle() {
        var driver = ConsumerDriver {
            $0.start = .first
            $0.commitInterval = .milliseconds(250)
        }
        driver.join()
        driver.members(["c1"])
        driver.end(driver.nextCall(.queryConsumerOffset), Answers.command(.queryNotFound))
        driver.end(driver.nextCall(.getMinOffset), Answers.offset(0))
        for step in 1...40 {
            driver.advance(to: ms(250 * step))
            #expect(driver.nextCall(.updateConsumerOffset) == nil)
            while let pull = driver.nextPull() {
                #expect(pull.request.commit == nil)
                driver.end(pull, Answers.pulled(.pullNotFound, next: 0))
            }
        }
        driver.engine.close(at: driver.now)
        driver.collect()
        #expect(driver.nextCall(.updateConsumerOffset) == nil)
    }

    @Test("a pull carries progress until the broker has confirmed it, and no longer")
    func pullsCarryNews() {
        var driver = ConsumerDriver()
        driver.begin(at: 7)
        driver.end(
            driver.nextPull(), Answers.pulled(.success, next: 8, body: Answers.messages([7])))
        driver.acknowledge(driver.take())
        driver.end(driver.nextPull(), Answers.pulled(.pullNotFound, next: 8))
        driver.advance(to: ms(1_000))
        let second = driver.nextPull()
        #expect(second?.request.commit == QueueOffset(8))
        driver.advance(to: ms(5_000))
        driver.end(driver.nextCall(.updateConsumerOffset), Answers.command(.success))
        driver.end(second, Answers.pulled(.pullNotFound, next: 8))
        driver.advance(to: ms(6_000))
        #expect(driver.nextPull()?.request.commit == nil)
    }

    @Test("a commit under way is waited for, not repeated")
    func oneAtATime() {
        var driver = ConsumerDriver { $0.commitInterval = .milliseconds(250) }
        driver.begin()
        driver.end(
            driver.nextPull(), Answers.pulled(.success, next: 1, body: Answers.messages([0])))
        driver.acknowledge(driver.take())
        driver.advance(to: ms(250))
        let first = driver.nextCall(.updateConsumerOffset)
        #expect(first?.command["commitOffset"] == "1")
        driver.advance(to: ms(500))
        #expect(driver.nextCall(.updateConsumerOffset) == nil)
        driver.end(first, Answers.timedOut)
        driver.advance(to: ms(750))
        #expect(driver.nextCall(.updateConsumerOffset)?.command["commitOffset"] == "1")
    }

    @Test(
        "a commit that failed is not made again when the queue is somebody else's",
        arguments: [Answers.timedOut, Answers.lost, Answers.command(.systemError)])
    func refusedThenLost(failure: CallResult) {
        var driver = ConsumerDriver()
        driver.begin()
        driver.end(
            driver.nextPull(), Answers.pulled(.success, next: 1, body: Answers.messages([0])))
        driver.acknowledge(driver.take())
        driver.advance(to: ms(5_000))
        driver.end(driver.nextCall(.updateConsumerOffset), failure)
        driver.engine.membersChanged(group: "G", at: driver.now)
        driver.collect()
        driver.members(["c0", "c1"])
        #expect(driver.revoked.count == 1)
        for step in 6...30 {
            driver.advance(to: ms(1_000 * step))
            #expect(driver.nextCall(.updateConsumerOffset) == nil)
        }
    }

    @Test("the late answer to a commit of an earlier possession says nothing about this one")
    func lateAnswer() {
        var driver = ConsumerDriver()
        driver.begin()
        driver.end(
            driver.nextPull(), Answers.pulled(.success, next: 1, body: Answers.messages([0])))
        driver.acknowledge(driver.take())
        driver.advance(to: ms(5_000))
        let late = driver.nextCall(.updateConsumerOffset)
        for (step, members) in [["c0", "c1"], ["c1"]].enumerated() {
            driver.now = ms(6_000 + 500 * step)
            driver.engine.membersChanged(group: "G", at: driver.now)
            driver.collect()
            driver.members(members)
        }
        driver.end(driver.nextCall(.queryConsumerOffset), Answers.offset(0))
        driver.end(late, Answers.command(.success))
        driver.end(
            driver.pulls.popLast(), Answers.pulled(.success, next: 1, body: Answers.messages([0])))
        driver.acknowledge(driver.take())
        driver.advance(to: ms(10_000))
        #expect(driver.nextCall(.updateConsumerOffset)?.command["commitOffset"] == "1")
    }

    @Test("a new group's place at the end is noted before anything is pulled, and asked for anew")
    func anchors() {
        var driver = ConsumerDriver { $0.start = .last }
        driver.join()
        driver.members(["c1"])
        driver.end(driver.nextCall(.queryConsumerOffset), Answers.command(.queryNotFound))
        driver.end(driver.nextCall(.getMaxOffset), Answers.offset(5))
        let anchor = driver.nextCall(.updateConsumerOffset)
        #expect(anchor?.command["commitOffset"] == "5")
        #expect(driver.pulls.isEmpty)
        // Nobody knows whether it was stored; meanwhile another member has gone on to 9.
        driver.end(anchor, Answers.timedOut)
        driver.advance(to: ms(100))
        driver.end(driver.nextCall(.queryConsumerOffset), Answers.offset(9))
        #expect(driver.nextPull()?.request.offset == QueueOffset(9))
        #expect(driver.nextCall(.updateConsumerOffset) == nil)
    }
}
