import ClientCore
import ClientEngine
import MessageFormat
import RemotingProtocol
import Testing

@Suite("SYSTEM_BUSY makes a producer go elsewhere, or wait, and never storm")
struct BusyBrokerTests {
    @Test("what one broker refuses goes to another at once, and so do all that follow for a while")
    func elsewhere() {
        var driver = ProducerDriver()
        driver.send()
        driver.route(["a", "b"])
        let refused = driver.nextTransmission()
        #expect(refused?.queue.brokerName == "a")
        driver.advance(to: ms(5))
        driver.end(refused, Answers.command(.systemBusy))
        #expect(driver.nextTransmission()?.queue.brokerName == "b")
        for _ in 0..<20 { driver.send() }
        #expect(driver.transmissions.count == 20)
        #expect(driver.transmissions.allSatisfy { $0.queue.brokerName == "b" })
        driver.transmissions = []
        driver.advance(to: ms(300))
        for _ in 0..<4 { driver.send() }
        #expect(driver.transmissions.contains { $0.queue.brokerName == "a" })
    }

    @Test("a broker that is alone and stays busy is asked less and less, until the deadline")
    func alone() {
        var driver = ProducerDriver()
        let ids = (0..<100).map { _ in driver.send() }
        driver.route(["a"])
        var asked: [Int] = []
        for step in stride(from: 0, through: 11_000, by: 10) {
            driver.advance(to: ms(step))
            if step % 1_000 == 0 { asked.append(0) }
            let refused = driver.transmissions
            driver.transmissions = []
            asked[asked.count - 1] += refused.count
            for one in refused { driver.end(one, Answers.command(.systemBusy)) }
        }
        #expect(asked[0] <= 700)
        #expect(asked.dropFirst().allSatisfy { $0 <= 300 })
        #expect(asked.last == 0)
        for id in ids {
            guard case .failed? = driver.results[id] else {
                Issue.record("not failed: \(String(describing: driver.results[id]))")
                return
            }
        }
    }
}
