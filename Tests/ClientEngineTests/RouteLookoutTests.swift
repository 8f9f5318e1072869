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

    @Test("its return is noticed within half a second")
    func soon() {
        var driver = self.driverWithoutB()
        driver.advance(to: Tick(.milliseconds(31_600)))
        #expect(driver.nextCall(.getRouteInfoByTopic) != nil)
    }

    @Test("once it is back the route is asked for at the usual times again")
    func back() {
        var driver = self.driverWithoutB()
        driver.advance(to: Tick(.seconds(32)))
        driver.end(driver.nextCall(.getRouteInfoByTopic), Answers.route(["a", "b"]))
        driver.advance(to: Tick(.seconds(40)))
        #expect(driver.nextCall(.getRouteInfoByTopic) == nil)
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
        driver.advance(to: Tick(.seconds(160)))
        #expect(driver.nextCall(.getRouteInfoByTopic) == nil)
    }
}
