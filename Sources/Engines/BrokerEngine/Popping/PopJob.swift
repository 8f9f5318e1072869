import DeliveryCore
import FilterCore
import LogCore
import MessageFormat
import RemotingProtocol

/// What a client asked for by a pop, a peek or a notification. Held as it is while it waits.
struct PopAsk: Sendable {
    enum Purpose: Hashable, Sendable {
        case pop
        /// Messages are looked at, not taken.
        case peek
        /// Whether a pop would find anything.
        case notification
    }

    var purpose: Purpose
    var caller: Caller
    var group: String
    var topic: String
    /// −1: any queue.
    var queueID: Int32
    var messagesMax: Int
    var invisibleTime = Duration.zero
    var start = PopStart.min
    var filter: Subscription
    var expression: FilterExpression?
    var isOrdered = false
    var attemptID = ""
    /// What it takes comes back when its connection closes.
    var returnsOnClose = false
    /// Until when it may wait; nil when it must be answered at once.
    var deadline: Tick?

    /// A pop of a retry topic looks nowhere else.
    var isOfRetryTopic: Bool { PopTopic.isRetry(self.topic) }

    var connection: ConnectionKey { ConnectionKey(self.caller.connection.value) }
    /// Who holds what it takes, if that is to come back with the connection's end.
    var holder: ConnectionKey? { self.returnsOnClose ? self.connection : nil }

    func storedTopic(_ kind: PopTopicKind) -> String {
        PopTopic.stored(group: self.group, topic: self.topic, kind: kind)
    }
}

/// What was taken from one queue.
struct PopPart: Sendable {
    /// As clients are told: a retry topic is one, under whatever name it was asked for.
    var kind: PopTopicKind
    var queueID: Int32
    var messages: [(offset: QueueOffset, entry: IndexEntry)]
    var orderCounts: [PopOrderCount] = []

    var offsets: [QueueOffset] { self.messages.map(\.offset) }
}

/// The queue that a pop is reading.
struct PopReading: Sendable {
    var kind: PopTopicKind
    var key: PopKey
    var queue: QueueNumber
    var from: QueueOffset
    var next: QueueOffset
    /// Reads no further than this.
    var end: QueueOffset
    /// The batch in order that is delivered once more: these, whatever the filter says.
    var again: [QueueOffset]?
    var selected: [(offset: QueueOffset, entry: IndexEntry)] = []
    /// Entries whose messages have to be read to know whether they are wanted; the first is that
    /// of `next`.
    var candidates: [IndexEntry] = []
    var scanned = 0
    var examinedBytes = 0
}

/// A pop on its way through the broker: which queues are left, and what has been taken so far.
struct PopJob: Sendable {
    var ask: PopAsk
    /// Where it waited, if it did.
    let poll: PopHold<PopAsk>.Poll?
    let popTime: Timestamp
    var visits: ArraySlice<PopVisit>
    var reading: PopReading?
    var parts: [PopPart] = []
    var count = 0
    var bytes = 0
    /// Messages that are left in the queues.
    var rest = Int64(0)
    /// It looked at so many messages that nobody wanted that it is answered before the end.
    var isExhausted = false
    /// It kept queues from others while it read.
    var hasWaited = false

    init(
        ask: PopAsk, poll: PopHold<PopAsk>.Poll?, popTime: Timestamp, visits: [PopVisit]
    ) {
        self.ask = ask
        self.poll = poll
        self.popTime = popTime
        self.visits = visits[...]
    }

    var takenBytes: Int {
        self.parts.reduce(0) { $1.messages.reduce($0) { $0 + Int($1.entry.size) } }
    }

    func isFull(_ settings: BrokerSettings) -> Bool {
        self.count >= self.ask.messagesMax || self.bytes >= settings.pullBytesMax
    }
}

extension PopReading {
    func hasScannedEnough(_ settings: BrokerSettings) -> Bool {
        self.scanned >= settings.pullScanMax || self.examinedBytes >= settings.filterBytesMax
    }
}

extension PopJob {
    /// What the index alone can decide about a message.
    private func matches(_ entry: IndexEntry, at offset: QueueOffset, _ reading: PopReading) -> Bool
    {
        if let again = reading.again { return again.contains(offset) }
        return reading.kind != .normal || self.ask.filter.matches(tagHash: entry.tagHash)
    }

    /// Looks at entries in queue order, beginning with the one at `next`.
    mutating func take(_ entries: ArraySlice<IndexEntry>, _ settings: BrokerSettings) {
        guard var reading = self.reading else { return }
        for entry in entries {
            guard !self.isFull(settings), !reading.hasScannedEnough(settings),
                reading.next < reading.end
            else { break }
            if self.matches(entry, at: reading.next, reading),
                !self.select(entry, &reading, settings)
            {
                break
            }
            reading.scanned += 1
            reading.next.value += 1
        }
        self.reading = reading
    }

    /// False: the answer is full without it.
    private mutating func select(
        _ entry: IndexEntry, _ reading: inout PopReading, _ settings: BrokerSettings
    ) -> Bool {
        let size = Int(entry.size)
        guard self.count == 0 || self.bytes + size <= settings.pullBytesMax else {
            self.bytes = settings.pullBytesMax
            return false
        }
        reading.selected.append((reading.next, entry))
        self.count += 1
        self.bytes += size
        return true
    }
}

// An expression looks at properties: messages are read before they are selected.
extension PopJob {
    var needsMessages: Bool {
        self.ask.expression != nil && self.reading?.kind == .normal && self.reading?.again == nil
    }

    mutating func takeCandidates(_ entries: ArraySlice<IndexEntry>) {
        var bytes = 0
        for entry in entries.prefix(FilterPortion.countMax) {
            bytes += Int(entry.size)
            guard self.reading?.candidates.isEmpty == true || bytes <= FilterPortion.bytesMax
            else { return }
            self.reading?.candidates.append(entry)
        }
    }

    /// Looks at the candidates, whose messages lie one behind the other. One that is missing is
    /// damaged on disk: nobody can have it.
    mutating func judge(_ bytes: UnsafeRawBufferPointer, _ settings: BrokerSettings) {
        guard var reading = self.reading, let expression = self.ask.expression else { return }
        var messages = StoredMessages(bytes)
        var message = messages.next()
        for entry in exchange(&reading.candidates, with: []) {
            if self.isFull(settings) { break }
            if let read = message, read.physicalOffset == entry.position {
                message = messages.next()
                if expression.matches(read.propertiesBytes),
                    !self.select(entry, &reading, settings)
                {
                    break
                }
            }
            reading.examinedBytes += Int(entry.size)
            reading.scanned += 1
            reading.next.value += 1
        }
        self.reading = reading
    }
}
