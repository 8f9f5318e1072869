package import MessageFormat

/// How hard a producer tries before it reports a failure.
///
/// Everything is bounded twice, by attempts and by one deadline for all of them.
package struct SendPolicy: Hashable, Sendable {
    /// From the user's call to its result, all attempts and pauses included.
    package var deadline: Duration
    /// How long one attempt may take. Shorter than the deadline, so that a broker that hangs
    /// leaves time for another one.
    package var attemptTimeout: Duration
    package var attemptsMax: Int
    /// Pause before the same broker is tried again when there is no other; doubles each time.
    package var pauseFirst: Duration
    package var pauseMax: Duration
    /// Whether an attempt with unknown outcome is repeated. With it every message is stored at
    /// least once; without it, at most once.
    package var repeatsUnknown: Bool

    package init(
        deadline: Duration = .seconds(10), attemptTimeout: Duration = .seconds(3),
        attemptsMax: Int = 32, pauseFirst: Duration = .milliseconds(20),
        pauseMax: Duration = .milliseconds(500), repeatsUnknown: Bool = true
    ) {
        self.deadline = deadline
        self.attemptTimeout = attemptTimeout
        self.attemptsMax = attemptsMax
        self.pauseFirst = pauseFirst
        self.pauseMax = pauseMax
        self.repeatsUnknown = repeatsUnknown
    }

    package enum Verdict: Hashable, Sendable {
        case done
        /// Try again, not before `at`.
        case retry(at: Tick)
        case giveUp
    }

    /// What follows from an attempt.
    ///
    /// - Parameters:
    ///   - attempt: how many attempts were made, this one included.
    ///   - hasAlternative: whether another broker can be tried at once.
    package func verdict(
        on outcome: AttemptOutcome, attempt: Int, deadline: Tick, hasAlternative: Bool, at now: Tick
    ) -> Verdict {
        guard let failure = outcome.failure else { return .done }
        guard failure.isRetryable, attempt < self.attemptsMax else { return .giveUp }
        if case .unknown = outcome, !self.repeatsUnknown { return .giveUp }
        let next = hasAlternative ? now : now + self.pause(afterAttempt: attempt)
        return next < deadline ? .retry(at: next) : .giveUp
    }

    /// How long an attempt that starts now may take; nil when the deadline has passed.
    package func timeout(deadline: Tick, at now: Tick) -> Duration? {
        guard now < deadline else { return nil }
        return min(self.attemptTimeout, deadline - now)
    }

    func pause(afterAttempt attempt: Int) -> Duration {
        var pause = self.pauseFirst
        for _ in 1..<max(attempt, 1) where pause < self.pauseMax { pause *= 2 }
        return min(pause, self.pauseMax)
    }
}

extension AttemptFailure {
    /// Whether the same message may succeed elsewhere or later.
    package var isRetryable: Bool {
        switch self.kind {
        case .connectFailed, .timedOut, .connectionLost, .noRoute: true
        case .answered(let code): SendCode.retryable.contains(code)
        case .local: false
        }
    }

    /// Whether the route that led to this failure may be out of date.
    package var suggestsStaleRoute: Bool {
        switch self.kind {
        case .connectFailed, .timedOut, .connectionLost, .noRoute: true
        case .answered(let code):
            [
                SendCode.serviceNotAvailable, SendCode.noPermission, SendCode.topicNotExist,
                SendCode.goAway,
            ].contains(code)
        case .local: false
        }
    }

    /// Whether the broker as such is to be avoided, not only this message.
    package var isBrokerTrouble: Bool {
        switch self.kind {
        case .connectFailed, .timedOut, .connectionLost: true
        case .answered(let code): SendCode.retryable.contains(code)
        case .local, .noRoute: false
        }
    }
}
