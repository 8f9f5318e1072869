internal import MessageFormat

/// What a history says, in tables of small rows: names are replaced by indices, bodies by the
/// attempt they stand for, so that millions of events fit into memory.
struct Record: Sendable {
    /// One attempt to send.
    struct Attempt: Sendable {
        var message: Int32
        var number: Int32
        /// The next attempt for the same message, or -1.
        var next: Int32 = -1
        /// Nanoseconds; nil if the history does not show the call.
        var sentAt: Int64?
        var answeredAt: Int64?
        var outcome: SendOutcome?
        var status: Int32 = -1
        /// Where the broker says it is.
        var place: Place?
        /// The address that it was sent to, or -1.
        var broker: Int32 = -1
        /// Where it was first read back.
        var foundAt: Place?
    }

    /// One message, with all its attempts.
    struct Message: Hashable, Sendable {
        var client: Int32
        var sequence: Int64
    }

    struct Place: Hashable, Comparable, Sendable {
        var queue: Int32
        var offset: Int64

        static func < (left: Self, right: Self) -> Bool {
            (left.queue, left.offset) < (right.queue, right.offset)
        }
    }

    /// What lies at a place: an attempt's index, or a negative number made of a checksum.
    typealias Identity = Int64

    struct Delivery: Sendable {
        var at: Int64
        var place: Place
        var identity: Identity
        var group: Int32
        var consumer: Int32
        /// Counts the consumer's assignments: within one, offsets of a queue rise.
        var session: Int32
        var isRetry: Bool
    }

    struct Drained: Sendable {
        var place: Place
        var identity: Identity
    }

    struct AckKey: Hashable, Sendable {
        var group: Int32
        var consumer: Int32
        var place: Place
    }

    struct GroupChange: Sendable {
        var at: Int64
        var group: Int32
        var consumer: Int32
        var isDeparture: Bool
    }

    struct SeenElection: Sendable {
        var election: Election
        var at: Int64
    }

    struct FaultWindow: Sendable {
        var fault: Fault
        var beganAt: Int64
        var endedAt: Int64?
        var proof: String?

        func overlaps(_ start: Int64, _ end: Int64) -> Bool {
            self.beganAt <= end && (self.endedAt ?? .max) >= start
        }
    }

    let run: String
    var clients = Interner<String>()
    var clientIsOwn: [Bool] = []
    var queues = Interner<MessageQueue>()
    var groups = Interner<String>()
    var consumers = Interner<String>()
    var statuses = Interner<String>()
    var brokers = Interner<String>()

    var messages: [Message] = []
    var firstAttempt: [Int32] = []
    var attempts: [Attempt] = []
    private var messageIndex: [Message: Int32] = [:]

    var drained: [Drained] = []
    var drainedRanges: [Int32: Range<Int64>] = [:]
    var deliveries: [Delivery] = []
    var corruptions: [(at: Int64, position: QueuePosition, reader: String, problem: String)] = []
    /// Acknowledgements by consumers that were begun and are not known to have worked.
    var uncertainAcks: Set<AckKey> = []
    /// The committed offsets, in the order of the history.
    var commits: [(group: Int32, place: Place)] = []
    var groupChanges: [GroupChange] = []
    var sessions: [Int32: Int32] = [:]
    var faults: [FaultWindow] = []
    var elections: [SeenElection] = []
    /// Messages that the client library has sent more than once.
    var repeated = 0
    /// What became of each message, if a feature is to be proven.
    var lives: Lives?
    var firstAt: Int64?
    var lastAt: Int64 = 0

    init(run: String) { self.run = run }

    func isOwn(_ attempt: Attempt) -> Bool {
        self.clientIsOwn[Int(self.messages[Int(attempt.message)].client)]
    }

    func id(_ attempt: Attempt) -> ValueID {
        let message = self.messages[Int(attempt.message)]
        return ValueID(
            client: self.clients[message.client], sequence: message.sequence,
            attempt: attempt.number)
    }

    /// The attempt's index; a new row if it was never heard of.
    mutating func attempt(_ id: ValueID) -> Int {
        let message = self.message(id)
        var last: Int32 = -1
        var index = self.firstAttempt[message]
        while index >= 0 {
            if self.attempts[Int(index)].number == id.attempt { return Int(index) }
            last = index
            index = self.attempts[Int(index)].next
        }
        let new = Int32(self.attempts.count)
        self.attempts.append(Attempt(message: Int32(message), number: id.attempt))
        if last < 0 {
            self.firstAttempt[message] = new
        } else {
            self.attempts[Int(last)].next = new
        }
        return Int(new)
    }

    private mutating func message(_ id: ValueID) -> Int {
        let client = self.clients.index(of: id.client)
        if Int(client) == self.clientIsOwn.count {
            self.clientIsOwn.append(id.client.hasPrefix(self.run + "-"))
        }
        let message = Message(client: client, sequence: id.sequence)
        if let known = self.messageIndex[message] { return Int(known) }
        let index = self.messages.count
        self.messageIndex[message] = Int32(index)
        self.messages.append(message)
        self.firstAttempt.append(-1)
        return index
    }

    func position(_ place: Place) -> QueuePosition {
        QueuePosition(self.queues[place.queue], QueueOffset(place.offset))
    }
}

/// Gives each distinct value a small number.
struct Interner<Value: Hashable & Sendable>: Sendable {
    private(set) var values: [Value] = []
    private var indices: [Value: Int32] = [:]

    mutating func index(of value: Value) -> Int32 {
        if let index = self.indices[value] { return index }
        let index = Int32(self.values.count)
        self.indices[value] = index
        self.values.append(value)
        return index
    }

    subscript(index: Int32) -> Value { self.values[Int(index)] }
}
