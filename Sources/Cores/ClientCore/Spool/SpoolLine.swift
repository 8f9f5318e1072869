private import DequeModule
internal import MessageFormat

/// One topic's messages on their way to disk and back.
struct SpoolLine: Sendable {
    /// On their way to a broker, past the spool.
    var direct: Set<UInt64> = []
    /// On their way to disk.
    var writing: Set<UInt64> = []
    /// On disk, by sequence.
    private var waiting: Deque<Waiting> = []
    /// On its way to a broker, or to where hopeless messages are kept.
    var outstanding: Outstanding?
    /// The write that notes on disk that nothing of the topic is left.
    var closing: UInt64?
    var retryAt: Tick
    var failures = 0

    struct Waiting: Sendable {
        var sequence: UInt64
        var place: SpoolPlace
    }

    struct Outstanding: Sendable {
        var sequence: UInt64
        var place: SpoolPlace
        var isSetAside = false
    }

    init(retryAt: Tick) { self.retryAt = retryAt }

    var isSpooling: Bool { !self.isDrained || self.closing != nil }

    /// Nothing is on disk or on its way there.
    var isDrained: Bool {
        self.waiting.isEmpty && self.writing.isEmpty && self.outstanding == nil
    }

    var isEmpty: Bool { !self.isSpooling && self.direct.isEmpty }

    var count: Int { self.waiting.count }

    /// The next message to send, once all before it are decided.
    var next: Waiting? {
        guard self.outstanding == nil, let first = self.waiting.first,
            self.direct.allSatisfy({ $0 > first.sequence }),
            self.writing.allSatisfy({ $0 > first.sequence })
        else { return nil }
        return first
    }

    mutating func takeFirst() { self.waiting.removeFirst() }

    /// In order of sequence; nearly always at the end. False if it is there already.
    mutating func insert(_ sequence: UInt64, _ place: SpoolPlace) -> Bool {
        var index = self.waiting.count
        while index > 0, self.waiting[index - 1].sequence > sequence { index -= 1 }
        if index > 0, self.waiting[index - 1].sequence == sequence { return false }
        self.waiting.insert(Waiting(sequence: sequence, place: place), at: index)
        return true
    }

    func checkInvariants() {
        precondition(
            zip(self.waiting, self.waiting.dropFirst()).allSatisfy { $0.sequence < $1.sequence },
            "in the order of the calls")
        precondition(
            self.waiting.first.map { first in
                self.outstanding.map { $0.sequence < first.sequence } ?? true
            } ?? true, "what is sent comes before what waits")
    }
}

/// The spool's files, by number: what they hold and which may go.
struct SpoolFiles: Sendable {
    private struct File: Sendable {
        var bytes = 0
        /// Messages that are not done.
        var messages = 0
        /// Holds bytes that could not be read: somebody may want to look at it.
        var isDamaged = false
    }

    private let segmentBytes: Int
    private var files: [UInt64: File] = [:]
    private var last: UInt64 = 0
    /// The file that is written.
    private var active: UInt64?
    private(set) var bytes = 0
    /// A write failed: nothing is written any more.
    var isBroken = false

    init(segmentBytes: Int) { self.segmentBytes = segmentBytes }

    mutating func found(_ image: SpoolImage) {
        self.files[image.segment] = File(bytes: image.bytes, isDamaged: !image.damages.isEmpty)
        self.bytes += image.bytes
        self.last = max(self.last, image.segment)
    }

    mutating func kept(_ place: SpoolPlace) { self.files[place.segment]?.messages += 1 }

    mutating func done(_ place: SpoolPlace) { self.files[place.segment]?.messages -= 1 }

    mutating func damaged(_ segment: UInt64) { self.files[segment]?.isDamaged = true }

    /// Where the next record goes.
    mutating func take(_ count: Int) -> SpoolPlace {
        let hasRoom = self.active.flatMap { self.files[$0] }.map { $0.bytes < self.segmentBytes }
        if hasRoom != true { self.open() }
        let position = self.files[self.last]?.bytes ?? 0
        self.files[self.last]?.bytes += count
        self.bytes += count
        return SpoolPlace(segment: self.last, position: position, count: count)
    }

    private mutating func open() {
        self.last += 1
        self.active = self.last
        self.files[self.last] = File()
    }

    /// Files without a message that is not done, oldest first and none behind one that stays:
    /// a mark must outlive the message that it is about. The last file goes only if all is quiet.
    mutating func removable(isQuiet: Bool) -> [(segment: UInt64, isDamaged: Bool)] {
        var removed: [(UInt64, Bool)] = []
        for segment in self.files.keys.sorted() {
            guard let file = self.files[segment], file.messages == 0,
                isQuiet || segment != self.active
            else { break }
            self.files[segment] = nil
            self.bytes -= file.bytes
            if segment == self.active { self.active = nil }
            removed.append((segment, file.isDamaged))
        }
        return removed
    }

    func checkInvariants() {
        precondition(self.files.values.reduce(0) { $0 + $1.bytes } == self.bytes, "bytes add up")
        precondition(self.files.values.allSatisfy { $0.messages >= 0 }, "done once")
    }

    var messages: Int { self.files.values.reduce(0) { $0 + $1.messages } }
}
