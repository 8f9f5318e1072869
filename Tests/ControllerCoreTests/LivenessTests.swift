import ControllerCore
import MessageFormat
import Testing

private func at(_ milliseconds: Int) -> Tick { Tick(.milliseconds(milliseconds)) }

private func report(
    incarnation: UInt64 = 1, epoch: UInt32 = 1, end: Int64 = 100, confirmed: Int64 = 0,
    role: BrokerReport.Role = .replica
) -> BrokerReport {
    BrokerReport(
        incarnation: incarnation, masterEpoch: Epoch(epoch), lastEpoch: Epoch(epoch),
        maxOffset: PhysicalOffset(end), confirmOffset: PhysicalOffset(confirmed), priority: .max,
        role: role)
}

/// The group of `ControllerState.led` and what one controller hears of it.
private struct Ward {
    var state = ControllerState.led
    var liveness = BrokerLiveness(at: .zero)

    var group: GroupState { self.state.g.unsafelyUnwrapped }

    mutating func hear(
        _ id: Int64, _ report: BrokerReport, over connection: UInt64? = nil,
        timeout: Int64? = nil, at now: Tick
    ) {
        self.liveness.heard(
            BrokerKey(group: "g", brokerID: id), report, of: self.group,
            over: connection ?? UInt64(id), timeoutMilliseconds: timeout, at: now)
    }

    func isAlive(_ id: Int64) -> Bool {
        self.liveness.isAlive(BrokerKey(group: "g", brokerID: id))
    }

    func master(at now: Tick) -> MasterLife {
        self.liveness.master(of: "g", self.group, at: now)
    }

    func isIntact(_ id: Int64) -> Bool? {
        self.liveness.candidates(of: "g", self.group).first { $0.brokerID == id }?.isIntact
    }
}

@Suite("who may follow a master that was elected after the controllers' loss")
struct RecoveredFloorTests {
    @Test("only who has reached its log, whatever the master says is confirmed")
    func floor() {
        var ward = Ward()
        ward.state = ControllerState()
        for id in 1...2 as ClosedRange<Int64> { ward.state.accept(claim(id), registration(id)) }
        ward.state.accept(
            election(
                .recovered(above: Epoch(0), keeping: [1, 2]), epoch: 0,
                [candidate(1, end: 80), candidate(2, end: 100)]))
        for number in 1...3 {
            ward.hear(1, report(epoch: 2, end: 80), at: at(number))
            ward.hear(2, report(epoch: 2, end: 100, confirmed: 80, role: .master), at: at(number))
        }
        #expect(ward.isIntact(1) == false)
        ward.hear(1, report(epoch: 2, end: 100), at: at(4))
        #expect(ward.isIntact(1) == true)
    }
}

@Suite("which brokers live")
struct LivenessTests {
    @Test("silence kills after the timeout that the broker named, within bounds")
    func timeouts() {
        let cases: [(asked: Int64?, milliseconds: Int)] = [
            (nil, 1_200), (500, 500), (1, 300), (0, 1_200), (-5, 1_200), (.max, 30_000),
        ]
        for (asked, milliseconds) in cases {
            var ward = Ward()
            ward.hear(2, report(), timeout: asked, at: .zero)
            for tick in stride(from: 0, through: milliseconds, by: 100) {
                _ = ward.liveness.advance(to: at(tick))
            }
            #expect(ward.isAlive(2), "\(asked ?? 0)")
            let ended = ward.liveness.advance(to: at(milliseconds + 100))
            #expect(ended == [BrokerKey(group: "g", brokerID: 2)], "\(asked ?? 0)")
            #expect(!ward.isAlive(2))
        }
    }

    @Test("a closed connection kills at once, an older one of the same broker does not")
    func connections() {
        var ward = Ward()
        ward.hear(2, report(), over: 20, at: at(0))
        ward.hear(2, report(), over: 21, at: at(10))
        #expect(ward.liveness.closed(20) == [])
        #expect(ward.isAlive(2))
        #expect(ward.liveness.connections(of: "g") == [21])
        #expect(ward.liveness.closed(21) == [BrokerKey(group: "g", brokerID: 2)])
        #expect(ward.liveness.closed(21) == [], "said once")
        #expect(ward.liveness.connections(of: "g") == [])
        ward.hear(2, report(), over: 22, at: at(20))
        #expect(ward.isAlive(2))
    }

    @Test("after a stop of our own the waiting starts again")
    func ownStall() {
        var ward = Ward()
        ward.hear(2, report(), at: .zero)
        _ = ward.liveness.advance(to: at(100))
        #expect(ward.liveness.advance(to: at(60_000)) == [])
        #expect(ward.liveness.advance(to: at(60_200)) == [])
        var ended: [BrokerKey] = []
        for tick in stride(from: 60_300, through: 61_500, by: 100) {
            ended += ward.liveness.advance(to: at(tick))
        }
        #expect(ended.map(\.brokerID) == [2])
    }

    @Test("the master: unknown, alive, dead, gone")
    func master() {
        var ward = Ward()
        #expect(ward.master(at: .zero) == .unknown)
        ward.hear(1, report(role: .master), at: .zero)
        #expect(ward.master(at: .zero) == .alive(1))
        _ = ward.liveness.closed(1)
        #expect(ward.master(at: .zero) == .dead)
        ward.hear(1, report(incarnation: 2), over: 5, at: at(10))
        #expect(ward.master(at: at(10)) == .gone, "another start of it is not the master")
        _ = ward.liveness.closed(5)
        #expect(ward.master(at: at(10)) == .unknown, "it may have been an earlier start")
        ward.state.accept(registration(1, incarnation: 3))
        #expect(ward.master(at: at(10)) == .gone)
    }

    @Test("a master that knows of its office and does nothing is dead after a while")
    func idleMaster() {
        var ward = Ward()
        for tick in stride(from: 0, through: 5_000, by: 100) {
            ward.hear(1, report(role: .fenced), at: at(tick))
        }
        #expect(ward.master(at: at(5_000)) == .alive(1))
        #expect(ward.master(at: at(5_001)) == .dead)
        ward.hear(1, report(role: .master), at: at(5_100))
        #expect(ward.master(at: at(5_100)) == .alive(1))
    }

    @Test("brokers that were cleaned are forgotten")
    func forgotten() {
        var ward = Ward()
        ward.hear(2, report(), at: .zero)
        ward.state.accept(
            .clean(.init(group: "g", cluster: "C", brokerIDs: [2], living: [], cleansLiving: false))
        )
        ward.liveness.retain(ward.state.g, named: "g")
        #expect(ward.liveness.lives(of: "g").isEmpty)
        #expect(ward.liveness.connections(of: "g").isEmpty)
    }
}

@Suite("who has kept its log")
struct IntactLogTests {
    /// The master reports that 100 bytes are confirmed.
    private func masterConfirms(_ ward: inout Ward, _ bytes: Int64, at now: Tick) {
        ward.hear(
            1, report(end: max(100, bytes), confirmed: bytes, role: .master), at: now)
    }

    @Test("a broker that reaches everything confirmed is intact, one with less is not")
    func floor() {
        var ward = Ward()
        self.masterConfirms(&ward, 100, at: at(0))
        ward.hear(2, report(end: 100), at: at(1))
        ward.hear(3, report(end: 99), at: at(1))
        #expect(ward.isIntact(2) == true)
        #expect(ward.isIntact(3) == false)
    }

    @Test("a running broker that was in step stays so, however old its report")
    func proven() {
        var ward = Ward()
        ward.hear(2, report(end: 100), at: at(0))
        self.masterConfirms(&ward, 100, at: at(1))
        self.masterConfirms(&ward, 100, at: at(2))
        ward.hear(2, report(end: 100), at: at(3))
        self.masterConfirms(&ward, 5_000, at: at(4))
        #expect(ward.isIntact(2) == true)
        // Started again, it has to show it anew.
        ward.hear(2, report(incarnation: 2, end: 100), at: at(5))
        #expect(ward.isIntact(2) == false)
        ward.hear(2, report(incarnation: 2, end: 5_000), at: at(6))
        #expect(ward.isIntact(2) == true)
    }

    @Test("one report of the master may be older than the broker's start, so it proves nothing")
    func secondReport() {
        var ward = Ward()
        ward.hear(2, report(end: 100), at: at(0))
        self.masterConfirms(&ward, 100, at: at(1))
        ward.hear(2, report(end: 100), at: at(2))
        self.masterConfirms(&ward, 5_000, at: at(3))
        #expect(ward.isIntact(2) == false)
    }

    @Test("only members of the set, in the current epoch, are believed about what is confirmed")
    func believed() {
        var ward = Ward()
        ward.hear(2, report(end: 100), at: at(0))
        ward.hear(4, report(end: 900, confirmed: 900), at: at(1))
        ward.hear(3, report(epoch: 0, end: 900, confirmed: 900), at: at(1))
        ward.hear(3, report(end: 50, confirmed: 900), at: at(2))
        #expect(ward.isIntact(2) == true, "nobody can have confirmed more than he has")
        ward.hear(3, report(end: 900, confirmed: 900), at: at(3))
        #expect(ward.isIntact(2) == false)
    }

    @Test("who knows of more confirmed bytes than it has says itself that some are gone")
    func confessed() {
        var ward = Ward()
        ward.hear(2, report(end: 40, confirmed: 60), at: .zero)
        #expect(ward.isIntact(2) == false)
    }

    @Test("what was written down survives all controllers' memories, until messages are given up")
    func written() {
        var ward = Ward()
        ward.state.accept(
            .noteConfirmed(
                .init(group: "g", masterEpoch: Epoch(1), confirmed: PhysicalOffset(60))))
        ward.hear(2, report(end: 59), at: .zero)
        #expect(ward.isIntact(2) == false)
        self.masterConfirms(&ward, 80, at: at(1))
        ward.state.accept(election(.forced(4), epoch: 1, [candidate(4)]))
        #expect(ward.liveness.confirmed(of: "g", ward.group) == .zero)
    }
}
