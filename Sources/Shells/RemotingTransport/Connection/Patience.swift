import NIOCore

/// Ends a connection that is idle, or whose peer lets a frame dribble in.
///
/// One timer serves both. It is not moved when bytes come: it looks at the times when it fires and
/// is set again, so that a busy connection pays one clock reading per burst. On the loop only.
final class Patience {
    private let connection: RemotingConnection
    private let frameTime: TimeAmount
    private let idleTime: TimeAmount

    private var lastRead: NIODeadline
    /// The frame that is not complete yet.
    private var partial: (since: NIODeadline, bytes: Int)?
    private var timer: (task: Scheduled<Void>, due: NIODeadline)?

    init(with connection: RemotingConnection, limits: ConnectionLimits) {
        self.connection = connection
        self.frameTime = TimeAmount(limits.frameTime)
        self.idleTime = TimeAmount(limits.idleTime)
        self.lastRead = connection.eventLoop.now
        self.wake(by: self.lastRead + self.idleTime)
    }

    /// A burst was read; `partialBytes` of the next frame came with it.
    func received(wholeFrames: Int, partialBytes: Int) {
        let now = self.connection.eventLoop.now
        self.lastRead = now
        let since = wholeFrames == 0 ? self.partial?.since ?? now : now
        self.connection.keepsUnfinished(partialBytes, since: since)
        guard partialBytes > 0 else { return self.partial = nil }
        self.partial = (since, partialBytes)
        self.wake(by: since + self.frameTime)
    }

    func stop() {
        self.timer?.task.cancel()
        self.timer = nil
    }

    /// Sees to it that the timer fires no later than `due`.
    private func wake(by due: NIODeadline) {
        if let timer = self.timer, timer.due <= due { return }
        self.timer?.task.cancel()
        let loop = self.connection.eventLoop.assumeIsolated()
        self.timer = (loop.scheduleTask(deadline: due) { self.fired() }, due)
    }

    private func fired() {
        self.timer = nil
        let now = self.connection.eventLoop.now
        let idleDue = max(self.lastRead, self.connection.lastWrite) + self.idleTime
        if let partial = self.partial, partial.since + self.frameTime <= now {
            self.connection.close(because: .slowSender(bytes: partial.bytes))
        } else if idleDue <= now {
            self.connection.close(because: .idle)
        } else {
            let frameDue = self.partial.map { $0.since + self.frameTime }
            self.wake(by: min(idleDue, frameDue ?? idleDue))
        }
    }
}
