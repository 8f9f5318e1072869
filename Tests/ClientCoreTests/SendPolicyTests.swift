import ClientCore
import MessageFormat
import Testing

@Suite struct SendPolicyTests {
    let policy = SendPolicy(
        deadline: .seconds(10), attemptTimeout: .seconds(3), attemptsMax: 4,
        pauseFirst: .milliseconds(20), pauseMax: .milliseconds(50))

    func verdict(
        code: Int32, attempt: Int = 1, alternative: Bool = true, at now: Tick = .zero
    ) -> SendPolicy.Verdict {
        self.policy.verdict(
            on: AttemptOutcome(responseCode: code, remark: ""), attempt: attempt,
            deadline: Tick(.seconds(10)), hasAlternative: alternative, at: now)
    }

    @Test("a code says whether the message may be stored and whether it is worth another try")
    func codes() {
        let table: [(code: Int32, mayBeStored: Bool, isRetried: Bool)] = [
            (0, true, false), (1, true, true), (2, false, true), (3, false, false),
            (10, true, true), (11, true, true), (12, true, true), (13, false, false),
            (14, false, true), (16, false, true), (17, false, true), (26, false, false),
            (29, false, false), (204, false, true), (205, false, true), (215, false, true),
            (1500, false, true), (777, true, false), (-1, true, false),
        ]
        for row in table {
            let outcome = AttemptOutcome(responseCode: row.code, remark: "")
            #expect(outcome.mayHaveBeenStored == row.mayBeStored, "code \(row.code)")
            #expect((self.verdict(code: row.code) == .retry(at: .zero)) == row.isRetried)
        }
    }

    @Test("a request that never left is refused, one that left is unknown")
    func transport() {
        let lost = AttemptFailure(.connectionLost, reason: "reset")
        #expect(!AttemptOutcome(failure: lost, requestWasSent: false).mayHaveBeenStored)
        #expect(AttemptOutcome(failure: lost, requestWasSent: true).mayHaveBeenStored)
    }

    @Test("another broker is tried at once, the same one after a growing, capped pause")
    func pauses() {
        #expect(self.verdict(code: 2) == .retry(at: .zero))
        let pauses = (1...3).map { self.verdict(code: 2, attempt: $0, alternative: false) }
        #expect(
            pauses == [20, 40, 50].map { .retry(at: Tick(.milliseconds($0))) })
    }

    @Test("attempts and time are bounded")
    func bounds() {
        #expect(self.verdict(code: 2, attempt: 4) == .giveUp)
        #expect(self.verdict(code: 2, at: Tick(.seconds(10))) == .giveUp)
        #expect(
            self.verdict(code: 2, alternative: false, at: Tick(.milliseconds(9_990))) == .giveUp)
        #expect(
            self.policy.timeout(deadline: Tick(.seconds(10)), at: Tick(.seconds(2))) == .seconds(3))
        #expect(
            self.policy.timeout(deadline: Tick(.seconds(10)), at: Tick(.seconds(9))) == .seconds(1))
        #expect(self.policy.timeout(deadline: Tick(.seconds(10)), at: Tick(.seconds(10))) == nil)
    }

    @Test("at most once: an unknown outcome is not repeated, a refusal is")
    func atMostOnce() {
        var policy = self.policy
        policy.repeatsUnknown = false
        let failure = AttemptFailure(.timedOut, reason: "")
        for (wasSent, expected) in [(true, SendPolicy.Verdict.giveUp), (false, .retry(at: .zero))] {
            let verdict = policy.verdict(
                on: AttemptOutcome(failure: failure, requestWasSent: wasSent), attempt: 1,
                deadline: Tick(.seconds(1)), hasAlternative: true, at: .zero)
            #expect(verdict == expected)
        }
    }
}

@Suite struct QueueRotationTests {
    static func queues(_ brokers: String...) -> [MessageQueue] {
        brokers.flatMap { name in
            (0..<2).map { MessageQueue(topic: "T", brokerName: name, queueID: $0) }
        }
    }

    @Test("queues are used in turn")
    func roundRobin() {
        var rotation = QueueRotation(startingAt: 3)
        let queues = Self.queues("a", "b")
        let chosen = (0..<5).compactMap { _ in rotation.next(among: queues) { _ in true } }
        #expect(chosen == [queues[3], queues[0], queues[1], queues[2], queues[3]])
    }

    @Test("a broker in trouble is stepped over while there is another")
    func avoids() {
        func next(
            among queues: [MessageQueue], avoiding avoided: String? = nil,
            available: Set<String>
        ) -> MessageQueue? {
            var rotation = QueueRotation()
            return rotation.next(among: queues, avoiding: avoided) { available.contains($0) }
        }
        let queues = Self.queues("a", "b", "c")
        #expect(next(among: queues, available: ["b", "c"])?.brokerName == "b")
        #expect(next(among: queues, avoiding: "a", available: ["c"])?.brokerName == "c")
        #expect(next(among: queues, avoiding: "a", available: [])?.brokerName == "b")
        let only = Self.queues("a")
        #expect(next(among: only, avoiding: "a", available: []) == only[0])
        #expect(next(among: [], available: []) == nil)
    }

    @Test("a key always finds the same queue")
    func keys() {
        let queues = Self.queues("a", "b")
        let first = QueueRotation.queue(forKey: "order-17", among: queues)
        #expect(first == QueueRotation.queue(forKey: "order-17", among: queues))
        // Java's hash of "polygenelubricants" is the smallest Int32, whose magnitude does not fit.
        #expect(QueueRotation.queue(forKey: "polygenelubricants", among: queues) == queues[0])
        #expect(QueueRotation.queue(forKey: "x", among: []) == nil)
    }
}

@Suite struct BrokerBackoffTests {
    static func ms(_ value: Int) -> Tick { Tick(.milliseconds(value)) }

    @Test("a broker that fails again and again is avoided longer, up to a cap")
    func grows() {
        var backoff = BrokerBackoff(first: .milliseconds(100), max: .milliseconds(350))
        #expect(backoff.isAvailable("a", at: .zero))
        var now = 0
        for pause in [100, 200, 350, 350] {
            backoff.failed("a", startedAt: Self.ms(now + 1), at: Self.ms(now + 2))
            #expect(!backoff.isAvailable("a", at: Self.ms(now + 2 + pause - 1)))
            #expect(backoff.isAvailable("a", at: Self.ms(now + 2 + pause)))
            now += 2 + pause
        }
        #expect(backoff.isAvailable("b", at: .zero))
    }

    @Test("requests that die together count once, and an old success clears nothing")
    func together() {
        var backoff = BrokerBackoff(first: .milliseconds(100), max: .seconds(10))
        for _ in 0..<1000 { backoff.failed("a", startedAt: Self.ms(1), at: Self.ms(5)) }
        backoff.succeeded("a", startedAt: Self.ms(2))
        #expect(!backoff.isAvailable("a", at: Self.ms(104)))
        #expect(backoff.isAvailable("a", at: Self.ms(105)))
        backoff.succeeded("a", startedAt: Self.ms(6))
        #expect(backoff.isAvailable("a", at: Self.ms(7)))
    }

    @Test("after a success the pauses begin small again")
    func resets() {
        var backoff = BrokerBackoff(first: .milliseconds(100), max: .seconds(10))
        backoff.failed("a", startedAt: Self.ms(0), at: Self.ms(1))
        backoff.failed("a", startedAt: Self.ms(2), at: Self.ms(3))
        backoff.succeeded("a", startedAt: Self.ms(4))
        backoff.failed("a", startedAt: Self.ms(5), at: Self.ms(6))
        #expect(backoff.isAvailable("a", at: Self.ms(106)))
    }
}
