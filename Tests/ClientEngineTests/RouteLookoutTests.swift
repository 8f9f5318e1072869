import ClientEngine
import MessageFormat
import RemotingProtocol
import Testing

@Suite("A broker that left the route is looked out for")
struct RouteLookoutTests {
    /// A consumer whose route just lost broker b, at 31 s.
    private func driverWithoutB() -> ConsumerDriver {
        var driver = ConsumerDriver()
        driver.join(brokers: ["a", "b"])
        driver.advance(to: Tick(.seconds(31)))
        driver.end(driver.nextCall(.getRouteInfoByTopic), Answers.route(["a"]))
        return driver
    }

    @Test("its return is noticed at once, and the pauses grow while it stays away")
    func soon() {
        var driver = self.driverWithoutB()
        var lookups: [Int] = []
        for step in 0..<2_000 {
            driver.advance(to: Tick(.milliseconds(31_000 + step)))
            guard let call = driver.nextCall(.getRouteInfoByTopic) else { continue }
            lookups.append(step)
            driver.end(call, Answers.route(["a"]))
        }
        #expect(lookups.prefix(3) == [50, 100, 150])
        #expect(lookups.count < 20)
    }

    @Test("once it is back the route is asked for at the usual times again")
    func back() {
        var driver = self.driverWithoutB()
        driver.advance(to: Tick(.seconds(32)))
        driver.end(driver.nextCall(.getRouteInfoByTopic), Answers.route(["a", "b"]))
        driver.advance(to: Tick(.milliseconds(33_900)))
        #expect(driver.nextCall(.getRouteInfoByTopic) == nil)
        driver.advance(to: Tick(.milliseconds(34_000)))
        #expect(driver.nextCall(.getRouteInfoByTopic) != nil)
    }

    @Test("a broker that stays away is given up after a while")
    func givenUp() {
        var driver = self.driverWithoutB()
        for second in 32..<152 {
            driver.advance(to: Tick(.seconds(second)))
            if let call = driver.nextCall(.getRouteInfoByTopic) {
                driver.end(call, Answers.route(["a"]))
            }
        }
        driver.advance(to: Tick(.milliseconds(152_900)))
        #expect(driver.nextCall(.getRouteInfoByTopic) == nil)
    }

    @Test("a master that moved is asked at once, whatever its old address had done")
    func newMaster() {
        var driver = ProducerDriver()
        driver.send()
        driver.route(["a"])
        guard let stuck = driver.nextTransmission() else {
            Issue.record("nothing was sent")
            return
        }
        driver.advance(to: Tick(.seconds(2)))
        driver.end(
            driver.nextCall(.getRouteInfoByTopic), Answers.route(["a"], masterOf: ["a": "a-new:1"]))
        let again =
            driver.nextTransmission()
            ?? {
                driver.advance(to: Tick(.milliseconds(2_100)))
                return driver.nextTransmission()
            }()
        #expect(again?.address == "a-new:1")
        #expect(again?.id == stuck.id)
    }
}
