package import MessageFormat

/// Decides when delayed messages fire, each once, through every restart and failover.
///
/// A delayed message is parked in one internal queue until it is put again to its real topic.
/// Pending are the parked messages whose key is after the cursor, whose offset is after
/// `rolledThrough`, and which nobody recalled. A message and the record that says so lie in one
/// batch of the log; so the re-put of what is due and the cursor's step are one atomic act.
///
/// In memory are the earliest pending messages and a summary of the rest; the queue's index tells
/// the rest again when they are needed. Inputs: messages appended and confirmed, records, index
/// entries, wall time. Outputs: what is due, which stretch of the index to read.
///
/// "Fired once": the cursor never passes a message that is not confirmed yet, and nothing is
/// accepted that would lie before it.
package struct DelaySchedule: Sendable {
    package let settings: DelaySettings
    /// Everything up to here has fired.
    package internal(set) var cursor = DelayKey.start
    /// What lies up to here was put again at the queue's end; its segment may be deleted.
    package internal(set) var rolledThrough = QueueOffset(-1)
    /// Messages that wait, unconfirmed ones included.
    package internal(set) var pendingCount = Int64(0)
    var recalled = RecalledDelays()
    var unconfirmed = UnconfirmedDelays()
    var window: DelayWindow
    var stretches: DelayStretches
    var scan: DelayScan?
    var taken: DueDelays?
    var rolling: DelayRoll?
    /// Why the rest of the queue cannot be scanned.
    package internal(set) var problem: String?
    var isReady = false

    package init(settings: DelaySettings = DelaySettings()) {
        self.settings = settings
        self.window = DelayWindow(countMax: settings.windowMax, end: .least)
        self.stretches = DelayStretches(width: settings.stretchWidth)
    }
}

/// What is to be done with a message that should be delivered at some time.
package enum DelayDecision: Hashable, Sendable {
    /// Its time has come, or the cursor has passed it: it is a normal message.
    case deliverNow
    case park(due: Timestamp)
    case refused(DelayRefusal)
}

extension DelaySchedule {
    /// Decides about a message that is about to be appended in the same turn.
    package func accept(due: Timestamp, now: Timestamp) -> DelayDecision {
        guard due > max(now, self.frontier.due) else { return .deliverNow }
        let (ahead, overflow) = due.milliseconds.subtractingReportingOverflow(now.milliseconds)
        guard !overflow, ahead <= self.settings.delayMax else {
            return .refused(
                .tooFar(
                    milliseconds: overflow ? .max : ahead, delayMax: self.settings.delayMax))
        }
        guard self.pendingCount < self.settings.pendingMax else {
            return .refused(.tooManyPending(pendingMax: self.settings.pendingMax))
        }
        return .park(due: due)
    }

    /// What has fired or is about to.
    var frontier: DelayKey { self.taken?.through ?? self.cursor }

    /// A parked message is in the log, appended here, adopted from the master or replayed. Call it
    /// after the message has its place: a snapshot written before counts without it.
    ///
    /// `due` is what `DelayField` makes of its index entry. A master has asked `accept` first.
    package mutating func appended(due: Timestamp, at offset: QueueOffset) {
        guard Self.isSane(offset) else { return }
        self.pendingCount += 1
        self.unconfirmed.appended(DelayKey(due: due, offset: offset))
    }

    /// Everybody who must has the message; they come in order. From now on it may fire.
    package mutating func confirmed(_ entry: IndexEntry, at offset: QueueOffset) {
        guard Self.isSane(offset) else { return }
        let message = PendingDelay(entry: entry, offset: offset)
        let isPending = self.isPending(message.key)
        self.unconfirmed.confirmed(upTo: offset.advanced(by: 1))
        self.stretches.confirmed(offset, pending: isPending ? message.key : nil)
        if isPending { self.place(message) }
    }

    /// Recovery is over. `offsets` are those that the queue's index has.
    package mutating func ready(offsets: Range<QueueOffset>) {
        guard Self.isSane(offsets.lowerBound), Self.isSane(offsets.upperBound) else { return }
        self.unconfirmed.confirmed(upTo: offsets.upperBound)
        self.stretches.raiseFloor(to: offsets.lowerBound)
        self.isReady = true
    }

    /// This broker is no master any more: nothing that it had planned comes to pass.
    package mutating func stoodDown() {
        self.giveBack()
        self.abandonRoll()
    }

    func isPending(_ key: DelayKey) -> Bool {
        key > self.cursor && key.offset > self.rolledThrough
    }

    /// Keeps a message in the window, or in the scan that gathers what lies behind it.
    mutating func place(_ message: PendingDelay) {
        guard let outside = self.window.offer(message) else { return }
        guard self.scan?.willSee(outside.offset, in: self.stretches) == false else { return }
        self.scan?.offer(outside)
    }

    /// No queue comes as far as this; what says so is damage.
    static func isSane(_ offset: QueueOffset) -> Bool {
        offset >= .zero && offset.value < Int64(1) << 60
    }

    package func checkInvariants() {
        self.window.checkInvariants()
        self.unconfirmed.checkInvariants()
        self.recalled.checkInvariants()
        self.scan?.gathered.checkInvariants()
        precondition(self.pendingCount >= 0)
        precondition(self.taken.map { $0.through > self.cursor } ?? true)
        precondition(self.recalled.all.allSatisfy { self.isPending($0) })
        let taken = Set(self.taken?.passed.map(\.offset) ?? [])
        precondition(taken.isDisjoint(with: self.window.all.map(\.offset)))
    }
}

// What operators see.
extension DelaySchedule {
    package struct Listing: Hashable, Sendable {
        /// In the order in which they will fire.
        package var messages: [PendingDelay]
        /// False: there may be more in the range.
        package var isComplete: Bool
    }

    /// Confirmed messages that are due in a range of time, the earliest first.
    package func list(due range: Range<Timestamp>, limit: Int) -> Listing {
        let known = self.window.all + (self.taken?.passed ?? [])
        let inRange = known.filter {
            range.contains(DelayField.due(of: $0.entry)) && self.isPending($0.key)
                && !self.recalled.contains($0.offset)
        }
        let last = DelayKey(due: range.upperBound, offset: QueueOffset(.min))
        let reachesEnd = self.window.end.map { last <= $0 } ?? true
        return Listing(
            messages: Array(inRange.sorted().prefix(max(0, limit))),
            isComplete: reachesEnd && inRange.count <= limit)
    }

    package var recalledCount: Int { self.recalled.count }
    /// Messages in memory.
    package var windowCount: Int { self.window.count + (self.scan?.gathered.count ?? 0) }
    package var isScanning: Bool { self.scan != nil }
}
