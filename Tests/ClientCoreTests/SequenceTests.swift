import ClientCore
import MessageFormat
import Testing

@Suite struct SequenceTests {
    let a = MessageQueue(topic: "T", brokerName: "a", queueID: 0)
    let b = MessageQueue(topic: "T", brokerName: "b", queueID: 0)

    @Test("a stamp survives its way through the properties")
    func roundTrip() {
        for givenUp in [[], [2], [2, 5, 6]] as [[Int64]] {
            for highest in [9, 12] as [Int64] {
                let stamp = SequenceStamp(
                    session: "s.1", number: 9, highest: highest, decided: 7, givenUp: givenUp)
                var properties = MessageProperties()
                stamp.write(to: &properties)
                #expect(SequenceStamp(properties) == stamp)
            }
        }
    }

    @Test(
        "a spoilt stamp is no stamp",
        arguments: [
            ("0", "0"), ("x", "0"), ("5", "5"), ("5", ""), ("5", "1:7"), ("5", "1:x"),
            ("9223372036854775807", "1"), ("-1", "-2"), ("5/4", "1"), ("5/", "1"), ("5/6/7", "1"),
        ])
    func spoilt(number: String, decided: String) {
        var properties = MessageProperties()
        properties[PropertyName.sequenceProducer] = "s.1"
        properties[PropertyName.sequenceNumber] = number
        properties[PropertyName.sequenceDecided] = decided
        #expect(SequenceStamp(properties) == nil)
    }

    @Test("numbers rise per queue, and a retry on the same queue keeps its number")
    func numbers() {
        var numbering = SequenceNumbering(session: "s")
        #expect(numbering.stamp(message: "m1", on: self.a).number == 1)
        #expect(numbering.stamp(message: "m2", on: self.a).number == 2)
        #expect(numbering.stamp(message: "m3", on: self.b).number == 1)
        #expect(numbering.stamp(message: "m1", on: self.a).number == 1)
    }

    @Test("a retry on another queue gives the first number up, and the next message says so")
    func moves() {
        var numbering = SequenceNumbering(session: "s")
        _ = numbering.stamp(message: "m1", on: self.a)
        _ = numbering.stamp(message: "m1", on: self.b)
        let next = numbering.stamp(message: "m2", on: self.a)
        #expect(next.number == 2)
        #expect(next.decided == 1)
        #expect(next.givenUp == [1])
        // Said until a message that says it is acknowledged.
        #expect(numbering.stamp(message: "m3", on: self.a).givenUp == [1])
        numbering.acknowledged(message: "m2")
        #expect(numbering.stamp(message: "m4", on: self.a).givenUp == [])
    }

    @Test("decided stops before the first number that is still in flight")
    func decided() {
        var numbering = SequenceNumbering(session: "s")
        for id in ["m1", "m2", "m3"] { _ = numbering.stamp(message: id, on: self.a) }
        numbering.acknowledged(message: "m1")
        numbering.acknowledged(message: "m3")
        #expect(numbering.stamp(message: "m4", on: self.a).decided == 1)
        numbering.acknowledged(message: "m2")
        #expect(numbering.stamp(message: "m5", on: self.a).decided == 3)
    }

    @Test("too many given up begin a new numbering under a new session")
    func newSession() {
        var numbering = SequenceNumbering(session: "s")
        for number in 0..<SequenceNumbering.givenUpMax {
            #expect(numbering.stamp(message: "m\(number)", on: self.a).session == "s.1")
            numbering.gaveUp(message: "m\(number)")
        }
        let fresh = numbering.stamp(message: "x", on: self.a)
        #expect(fresh == SequenceStamp(session: "s.2", number: 1, decided: 0, givenUp: []))
    }

    func stamp(_ number: Int64, decided: Int64 = 0, givenUp: [Int64] = []) -> SequenceStamp {
        SequenceStamp(session: "s.1", number: number, decided: decided, givenUp: givenUp)
    }

    @Test("a gap is open until it is decided: given up, or lost")
    func gaps() {
        var check = SequenceCheck()
        #expect(check.received(self.stamp(1), on: self.a) == [])
        #expect(check.received(self.stamp(5, decided: 1), on: self.a) == [])
        #expect(check.undecided == 3)
        #expect(
            check.received(self.stamp(6, decided: 2, givenUp: [3]), on: self.a) == [.lost(2...2)])
        #expect(check.received(self.stamp(7, decided: 6), on: self.a) == [.lost(4...4)])
        #expect(check.undecided == 0)
        #expect(check.totals.lost == 2)
        #expect(check.totals.givenUp == 1)
    }

    @Test("duplicates and late comers are told apart")
    func order() {
        var check = SequenceCheck()
        _ = check.received(self.stamp(1), on: self.a)
        _ = check.received(self.stamp(3), on: self.a)
        #expect(check.received(self.stamp(2), on: self.a) == [.reordered(2)])
        #expect(check.received(self.stamp(2), on: self.a) == [.duplicate(2)])
        // Another queue has its own numbers.
        #expect(check.received(self.stamp(2), on: self.b) == [])
    }

    @Test("what was given up and turns up late is out of order, and doubled only the second time")
    func givenUpTurnsUp() {
        var check = SequenceCheck()
        #expect(check.received(self.stamp(1), on: self.a) == [])
        var third = self.stamp(3, decided: 2)
        third.givenUp = [2]
        #expect(check.received(third, on: self.a) == [])
        #expect(check.totals.givenUp == 1)
        #expect(check.received(self.stamp(2), on: self.a) == [.reordered(2)])
        #expect(check.totals.givenUp == 0)
        #expect(check.totals.duplicates == 0)
        #expect(check.received(self.stamp(2), on: self.a) == [.duplicate(2)])
    }

    @Test("a reader that begins in the middle, or begins anew, misses nothing")
    func beginsAnywhere() {
        var check = SequenceCheck()
        #expect(check.received(self.stamp(100, decided: 99), on: self.a) == [])
        check.forget(self.a)
        #expect(check.received(self.stamp(50, decided: 49), on: self.a) == [])
        #expect(check.totals.lost == 0)
    }

    @Test("a reader that begins with a retry does not miss what was stored before it")
    func beginsWithRetry() {
        var numbering = SequenceNumbering(session: "s")
        for id in ["m1", "m2", "m3"] { _ = numbering.stamp(message: id, on: self.a) }
        numbering.acknowledged(message: "m2")
        numbering.acknowledged(message: "m3")
        let retry = numbering.stamp(message: "m1", on: self.a)
        #expect(retry.number == 1)
        #expect(retry.highest == 3)
        numbering.acknowledged(message: "m1")
        let next = numbering.stamp(message: "m4", on: self.a)
        var check = SequenceCheck()
        #expect(check.received(retry, on: self.a) == [])
        #expect(check.received(next, on: self.a) == [])
        #expect(check.totals.lost == 0)
        #expect(check.totals.duplicates == 0)
    }

    @Test("an absurd gap costs bounded memory")
    func absurd() {
        var check = SequenceCheck()
        _ = check.received(self.stamp(1), on: self.a)
        _ = check.received(self.stamp(1 << 60), on: self.a)
        #expect(check.undecided <= SequenceCheck.openMax)
    }

    /// A producer over two queues whose attempts fail at random, with or without being stored.
    /// Readers see every queue in order. Then one acknowledged message is taken out.
    @Test(
        "no false alarm whatever fails, and every loss before the end is found", arguments: 1...30)
    func soundAndComplete(seed: Int) {
        var random = SplitMix(state: UInt64(seed))
        var stored: [MessageQueue: [(stamp: SequenceStamp, isAcknowledged: Bool)]] = [:]
        var numbering = SequenceNumbering(session: "s")
        var inFlight: [(id: String, queue: MessageQueue, stamp: SequenceStamp)] = []
        func settle(_ attempt: (id: String, queue: MessageQueue, stamp: SequenceStamp)) {
            switch Int.random(in: 0..<10, using: &random) {
            case 0: numbering.gaveUp(message: attempt.id)
            case 1:
                stored[attempt.queue, default: []].append((attempt.stamp, false))
                numbering.gaveUp(message: attempt.id)
            case 2:
                let other = attempt.queue == self.a ? self.b : self.a
                let again = numbering.stamp(message: attempt.id, on: other)
                inFlight.append((attempt.id, other, again))
            default:
                stored[attempt.queue, default: []].append((attempt.stamp, true))
                numbering.acknowledged(message: attempt.id)
            }
        }
        for step in 0..<400 {
            let queue = Bool.random(using: &random) ? self.a : self.b
            let id = "m\(step)"
            inFlight.append((id, queue, numbering.stamp(message: id, on: queue)))
            while inFlight.count > 8 { settle(inFlight.removeFirst()) }
        }
        while !inFlight.isEmpty { settle(inFlight.removeFirst()) }
        for queue in [self.a, self.b] {
            let last = numbering.stamp(message: "last-\(queue.brokerName)", on: queue)
            stored[queue, default: []].append((last, false))
        }
        #expect(Self.losses(in: stored) == [])
        let victims = stored[self.a]!.indices.dropFirst().dropLast()
            .filter { stored[self.a]![$0].isAcknowledged }
        let victim = stored[self.a]!.remove(at: victims.randomElement(using: &random)!)
        #expect(Self.losses(in: stored).contains { $0.contains(victim.stamp.number) })
    }

    static func losses(
        in stored: [MessageQueue: [(stamp: SequenceStamp, isAcknowledged: Bool)]]
    ) -> [ClosedRange<Int64>] {
        var check = SequenceCheck()
        return stored.flatMap { queue, messages in
            messages.flatMap { message in
                check.received(message.stamp, on: queue).compactMap {
                    if case .lost(let range) = $0 { range } else { nil }
                }
            }
        }
    }
}
