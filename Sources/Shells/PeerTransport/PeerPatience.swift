import NIOCore

/// Ends a link that is idle, whose peer lets a frame dribble in, or whose peer takes nothing.
///
/// One timer serves all. It is not moved when bytes come: it looks at the times when it fires. On
/// the loop only.
final class PeerPatience {
    private let link: PeerLink
    private let frameTime: TimeAmount
    private let idleTime: TimeAmount
    private let stallTime: TimeAmount

    private var lastRead: NIODeadline
    /// The frame that is not complete yet.
    private var partial: (since: NIODeadline, bytes: Int)?
    private var timer: Scheduled<Void>?

    init(with link: PeerLink, limits: PeerLinkLimits) {
        self.link = link
        self.frameTime = TimeAmount(limits.frameTime)
        self.idleTime = TimeAmount(limits.idleTime)
        self.stallTime = TimeAmount(limits.stallTime)
        self.lastRead = link.eventLoop.now
        self.look()
    }

    /// A burst was read; `partialBytes` of the next frame came with it.
    func received(wholeFrames: Int, partialBytes: Int) {
        let now = self.link.eventLoop.now
        self.lastRead = now
        guard partialBytes > 0 else { return self.partial = nil }
        self.partial = (wholeFrames == 0 ? self.partial?.since ?? now : now, partialBytes)
    }

    func stop() {
        self.timer?.cancel()
        self.timer = nil
    }

    private func look() {
        let now = self.link.eventLoop.now
        if let reason = self.reasonToClose(at: now) { return self.link.close(because: reason) }
        let loop = self.link.eventLoop.assumeIsolated()
        self.timer = loop.scheduleTask(in: self.period) { self.look() }
    }

    /// Limits are kept to a quarter.
    private var period: TimeAmount {
        let shortest = min(self.frameTime, self.idleTime, self.stallTime)
        return max(.milliseconds(5), shortest / 4)
    }

    private func reasonToClose(at now: NIODeadline) -> PeerCloseReason? {
        if let partial = self.partial, partial.since + self.frameTime <= now {
            return .slowSender(bytes: partial.bytes)
        }
        let outbound = self.link.outbound
        if outbound.waiting > 0 {
            return outbound.lastLeft + self.stallTime <= now
                ? .slowReader(bytes: outbound.waiting) : nil
        }
        return max(self.lastRead, outbound.lastLeft) + self.idleTime <= now ? .idle : nil
    }
}

extension TimeAmount {
    fileprivate static func / (amount: TimeAmount, divisor: Int64) -> TimeAmount {
        .nanoseconds(amount.nanoseconds / divisor)
    }
}
