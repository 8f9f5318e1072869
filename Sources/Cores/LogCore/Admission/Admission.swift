package import MessageFormat

/// What keeps requests from being looked at, as far as the shell can see it.
package struct Pressure: Hashable, Sendable {
    /// How long what is last on the sender's connection will wait before it is read, at the pace at
    /// which this connection is read.
    package var connection: Duration
    /// How long ago the turn began in which this request is one of many.
    package var turn: Duration

    package static let none = Self()

    package init(connection: Duration = .zero, turn: Duration = .zero) {
        self.connection = connection
        self.turn = turn
    }
}

/// Decides which sends are taken: overload is refused at once, and who does not cause it is spared.
///
/// Two things can be short. **Disk and replicas**: as much may wait for them as they do in half of
/// the longest wait (`SendWindow`); beyond that, topics with less than an equal part of the window
/// still get in, which makes twice the window at most. **The processor**: refusing costs some too,
/// so that a server which refused all that it cannot do would do nothing else. Then every fourth
/// one is refused: that costs a tenth of what could be stored, every second one would cost a
/// quarter. What is not read yet waits in the sender's own buffers.
package struct Admission: Sendable {
    package enum Verdict: Hashable, Sendable {
        case taken
        /// Too much waits for disk and replicas.
        case tooMuchWaits
        /// The disk has not finished anything for too long.
        case diskHangs
        /// More requests come than can be looked at.
        case tooManyRequests
    }

    /// So many are taken between two that are refused for want of processor time.
    private static let takenBetween = 3
    /// Beyond so many longest waits without a sign of the disk nothing is taken at all.
    private static let hangsOut = 5

    package private(set) var window: SendWindow
    private var shares = TopicShares()
    private var takenSince = 0
    /// Since when the disk has had something to do without finishing any of it.
    private var writingSince: Tick?
    // Worked out once: each send asks for them.
    private let pressureMax: Duration
    /// Nanoseconds.
    private let hangsAfter: Int64
    private let isOutAfter: Int64

    package init(_ options: SendWindow.Options = SendWindow.Options()) {
        self.window = SendWindow(options)
        self.pressureMax = options.waitMax / 2
        self.hangsAfter = Tick(options.waitMax).nanoseconds
        self.isOutAfter = Tick(options.waitMax * Self.hangsOut).nanoseconds
    }

    /// Whether a verdict has to be asked for. As a rule it has not, and that costs next to nothing.
    package func isTight(waiting: Int, _ pressure: Pressure, at now: Tick) -> Bool {
        waiting >= min(self.window.bytes, self.window.bytesMin)
            && (waiting >= self.window.bytes || self.isHanging(for: self.hangsAfter, at: now))
            || pressure.connection > self.pressureMax || pressure.turn > self.pressureMax
            || self.isHanging(for: self.isOutAfter, at: now)
    }

    /// A send to `topic` wants in; `waiting` bytes of the log are not confirmed yet.
    package mutating func verdict(
        topic: String, waiting: Int, _ pressure: Pressure, at now: Tick
    ) -> Verdict {
        if self.isHanging(for: self.hangsAfter, at: now),
            self.isTooMuch(waiting, topic, of: self.window.bytesMin)
                || self.isHanging(for: self.isOutAfter, at: now)
        {
            return .diskHangs
        }
        if self.isTooMuch(waiting, topic, of: self.window.bytes) { return .tooMuchWaits }
        guard self.isBehind(topic, pressure), self.takenSince == Self.takenBetween else {
            self.takenSince = min(self.takenSince + 1, Self.takenBetween)
            return .taken
        }
        self.takenSince = 0
        return .tooManyRequests
    }

    private func isHanging(for nanoseconds: Int64, at now: Tick) -> Bool {
        self.writingSince.map { now.nanoseconds - $0.nanoseconds > nanoseconds } ?? false
    }

    private func isTooMuch(_ waiting: Int, _ topic: String, of bytes: Int) -> Bool {
        waiting >= bytes && self.shares.hasItsPart(topic, of: bytes)
    }

    /// Whose own connection is not behind is one of many that are, and pays only for its topic.
    private func isBehind(_ topic: String, _ pressure: Pressure) -> Bool {
        pressure.connection > self.pressureMax
            || (pressure.turn > self.pressureMax
                && self.shares.hasItsPart(topic, of: self.shares.total))
    }

    /// What was taken has its place in the log.
    package mutating func appended(
        _ bytes: Int, of topic: String, upTo end: PhysicalOffset, confirmed: PhysicalOffset,
        at now: Tick
    ) {
        self.shares.appended(bytes, of: topic, upTo: end)
        self.window.appended(upTo: end, confirmed: confirmed, at: now)
    }

    package mutating func confirmed(upTo offset: PhysicalOffset, at now: Tick) {
        self.shares.confirmed(upTo: offset)
        self.window.confirmed(upTo: offset, at: now)
    }

    package mutating func writing(since begin: Tick?) { self.writingSince = begin }

    package func waiting(of topic: String) -> Int { self.shares.waiting(of: topic) }
}
