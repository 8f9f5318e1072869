/// What a history proves.
package struct Verdict: Hashable, Sendable {
    package enum Outcome: String, Hashable, Sendable {
        /// Everything that was promised was kept.
        case valid
        /// A promise was broken: `problems` tells where.
        case invalid
        /// Too little happened, or too little is known, to tell: not a pass.
        case inconclusive
    }

    package var outcome = Outcome.inconclusive
    /// Why the outcome is not `valid`, in words.
    package var reasons: [String] = []

    /// Messages; each counts once, however often it was tried.
    package var attempted = 0
    package var acknowledged = 0
    package var failed = 0
    package var unknown = 0
    package var delivered = 0
    /// Sends, retries included.
    package var attempts = 0
    /// Acknowledged, stored, but not delivered to every group when the run ended.
    package var undelivered = 0
    /// Deliveries beyond a message's first to a group.
    package var duplicated: [DuplicateCause: Int] = [:]
    /// How often each promise was broken.
    package var broken: [Problem.Kind: Int] = [:]
    /// The first few broken promises of each kind.
    package var problems: [Problem] = []
    package var longestGapMilliseconds = 0
    /// The same for the queues of each broker group.
    package var longestGapsByGroup: [String: Int] = [:]
    package var faults: [FaultReport] = []
    /// Messages that the client library has sent more than once.
    package var repeated = 0
    /// What there is to say about a feature, such as how late the latest delivery was.
    package var notes: [String] = []

    package init() {}

    package var lost: Int { self.broken[.lost] ?? 0 }
    package var reordered: Int { self.broken[.reordered] ?? 0 }
    package var unexpected: Int { self.broken[.unexpected] ?? 0 }
    package var aborted: Int { self.broken[.aborted] ?? 0 }
    package var storedTwice: Int { self.broken[.storedTwice] ?? 0 }
    package var corrupt: Int { self.broken[.corrupt] ?? 0 }
    package var duplicatedInAll: Int { self.duplicated.values.reduce(0, +) }
    package var duplicatedUnexplained: Int { self.duplicated[.unexplained] ?? 0 }
}

/// Why a message reached a group more than once.
package enum DuplicateCause: String, CaseIterable, Hashable, Comparable, Sendable {
    /// The producer tried again, as it could not know that the earlier attempt was stored.
    case resent
    /// The consumer that had it left or died before its progress was kept.
    case consumerLeft
    /// The queue moved to another consumer before the progress was kept.
    case rebalanced
    /// The consumer's acknowledgement is not known to have arrived.
    case acknowledgementUncertain
    /// The consumer asked for it again.
    case retried
    /// The queue's group got another master in between.
    case failover
    /// A fault lay between the two deliveries.
    case fault
    case unexplained

    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// One broken promise and the shortest story that shows it.
package struct Problem: Hashable, Sendable {
    package enum Kind: String, CaseIterable, Hashable, Comparable, Sendable {
        /// Acknowledged, but not there when everything was read back.
        case lost
        /// Delivered to a consumer, but not there when everything was read back.
        case vanished
        /// Refused, but there.
        case aborted
        /// There, but never sent, or there before it was sent.
        case unexpected
        /// Not what was sent.
        case corrupt
        /// One place in a queue showed two different messages.
        case conflicting
        /// Not at the place that the broker named when it acknowledged it.
        case misplaced
        /// One attempt lies at two places.
        case storedTwice
        /// A queue has no message at a place between its first and its last.
        case hole
        /// Order within a queue does not follow the order of sending, or a consumer went back.
        case reordered
        /// Delivered again without a cause.
        case duplicatedUnexplained
        /// Below the group's committed offset, but never delivered to it.
        case skipped
        /// A group's committed offset went back.
        case progressLost
        /// A send never returned.
        case unanswered
        /// One epoch of a group had two masters.
        case twoMasters
        /// A broker acknowledged what was sent to it after it had lost its group to another.
        case unfenced
        /// Delivered before its time.
        case early
        /// Delivered too long after its time.
        case late
        /// A rolled back transaction's message was delivered.
        case rolledBack
        /// Delivered again though its acknowledgement was confirmed.
        case cameBack
        /// Delivered to somebody while it was hidden for another.
        case seenByTwo
        /// Two members handled messages of one queue at the same time.
        case overlapped
        /// A dead letter whose handlers have not failed often enough, or of another reason.
        case wronglyDead

        package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
    }

    package var kind: Kind
    package var summary: String
    package var story: [String]

    package init(kind: Kind, summary: String, story: [String]) {
        self.kind = kind
        self.summary = summary
        self.story = story
    }
}

/// How sending fared during one fault.
package struct FaultReport: Hashable, Sendable {
    package var name: String
    package var target: String
    /// Since the history's first event.
    package var beganAtMilliseconds: Int
    package var endedAtMilliseconds: Int?
    /// The longest time without an acknowledged send that touches the fault.
    package var longestGapMilliseconds: Int
    /// The same for the broker group that stood still longest.
    package var longestGroupGapMilliseconds: Int
    /// From the fault's begin until another broker than the struck master first acknowledged a
    /// send of its group; nil if the fault struck no master, or nobody took over.
    package var takenOverMilliseconds: Int?
    package var proof: String

    package init(
        name: String, target: String, beganAtMilliseconds: Int, endedAtMilliseconds: Int? = nil,
        longestGapMilliseconds: Int, longestGroupGapMilliseconds: Int = 0,
        takenOverMilliseconds: Int? = nil, proof: String
    ) {
        self.name = name
        self.target = target
        self.beganAtMilliseconds = beganAtMilliseconds
        self.endedAtMilliseconds = endedAtMilliseconds
        self.longestGapMilliseconds = longestGapMilliseconds
        self.longestGroupGapMilliseconds = longestGroupGapMilliseconds
        self.takenOverMilliseconds = takenOverMilliseconds
        self.proof = proof
    }
}
