import Monitoring
import Testing

@Suite("where a server tells how it is")
struct MonitorAddressTests {
    @Test("a port is a number, or off")
    func port() {
        #expect(MonitorAddress.Port("8088") == .chosen(8088))
        #expect(MonitorAddress.Port("0") == .chosen(0))
        #expect(MonitorAddress.Port("off") == .off)
        #expect(MonitorAddress.Port("OFF") == .off)
        for text in ["", "-1", "65536", "on", "80 "] { #expect(MonitorAddress.Port(text) == nil) }
    }
}
