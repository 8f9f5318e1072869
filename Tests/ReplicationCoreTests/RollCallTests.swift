import ReplicationCore
import Testing

@Suite("A master answers for its group after a roll call")
struct RollCallTests {
    @Test("a question waits for a call that is made after it, and questions of one turn share one")
    func later() {
        var rollCall = RollCall()
        let first = rollCall.ask()
        let second = rollCall.ask()
        let (made, none) = (rollCall.next(), rollCall.next())
        #expect(second == first && made == first)
        #expect(none == nil, "one call for both")
        let third = rollCall.ask()
        #expect(third == first + 1, "what was called before says nothing of it")
    }

    @Test(
        "everybody who may have been elected must be present, however late the others' words come")
    func all() {
        var rollCall = RollCall()
        let call = Self.made(&rollCall)
        Self.hear(2, call, &rollCall)
        #expect(rollCall.vouched(by: [2, 3]) < call)
        #expect(rollCall.vouched(by: [2]) == call, "3 has left the set")
        Self.hear(3, call, &rollCall)
        #expect(rollCall.vouched(by: [2, 3]) == call)
        let next = Self.made(&rollCall)
        Self.hear(2, next, &rollCall)
        Self.hear(3, call, &rollCall)
        #expect(rollCall.vouched(by: [2, 3]) == call, "the answer to an earlier call comes again")
    }

    @Test("the answer to a later call counts for earlier questions, too")
    func again() {
        var rollCall = RollCall()
        let call = Self.made(&rollCall)
        let later = Self.made(&rollCall)
        Self.hear(2, later, &rollCall)
        #expect(rollCall.vouched(by: [2]) >= call)
    }

    @Test("who is alone in its SyncStateSet needs nobody's word")
    func alone() {
        #expect(RollCall().vouched(by: []) == .max)
    }

    @Test("the controllers' word does for all replicas, and for no later question")
    func controllers() {
        var rollCall = RollCall()
        let call = Self.made(&rollCall)
        rollCall.granted(call)
        #expect(rollCall.vouched(by: [2, 3]) == call)
        let next = Self.made(&rollCall)
        #expect(rollCall.vouched(by: [2, 3]) < next)
    }

    @Test("a call that was never made has no answers")
    func neverMade() {
        var rollCall = RollCall()
        let call = Self.made(&rollCall)
        let isKnown = rollCall.heard(2, call + 1)
        #expect(!isKnown)
        rollCall.granted(call + 7)
        #expect(rollCall.vouched(by: [2]) == call)
    }

    private static func made(_ rollCall: inout RollCall) -> UInt64 {
        let call = rollCall.ask()
        let made = rollCall.next()
        #expect(made == call)
        return call
    }

    private static func hear(_ replica: Int64, _ call: UInt64, _ rollCall: inout RollCall) {
        let isKnown = rollCall.heard(replica, call)
        #expect(isKnown)
    }
}
