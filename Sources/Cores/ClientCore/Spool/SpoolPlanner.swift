package import MessageFormat

/// Why a message cannot be kept.
package enum SpoolRefusal: Error, Hashable {
    case tooLarge(bytes: Int, bytesMax: Int)
    case full(bytes: Int, bytesMax: Int)
    case tooMany(messages: Int, messagesMax: Int)
    /// The disk failed. What was being written may turn up after a restart; nothing more is kept.
    case diskFailed
}

/// Decides what of a producer's messages goes to the spool, when it comes out again, and which
/// files are no longer needed.
///
/// Once something of a topic is spooled, all later messages of that topic queue behind it: order
/// holds. Draining sends one message of a topic at a time, in the order of the user's calls.
/// A message leaves the disk only after a broker has it, or it was set aside: at any crash messages
/// may be sent twice, never lost. A topic leaves the spool only when the disk says so too, so a
/// repetition after a crash never comes behind messages that were sent later, unless the disk
/// failed.
///
/// Bodies are not kept in memory; the shell reads them back. All file names are segment numbers.
package struct SpoolPlanner: Sendable {
    package struct Settings: Hashable, Sendable {
        /// Of all files. Marks of what is done may exceed it by a little.
        package var bytesMax = 1 << 30
        package var messagesMax = 1_000_000
        package var messageBytesMax = 8 << 20
        package var segmentBytes = 16 << 20
        /// Between attempts to drain a topic; doubles from the first to the last.
        package var pauseFirst = Duration.milliseconds(100)
        package var pauseMax = Duration.seconds(5)
        /// Marks that gather before they are written by themselves.
        package var marksMax = 64

        package init() {}
    }

    /// The place of a message among the user's calls.
    package struct Admission: Hashable, Sendable {
        package var topic: String
        package var sequence: UInt64

        package init(topic: String, sequence: UInt64) {
            self.topic = topic
            self.sequence = sequence
        }
    }

    package enum Effect: Hashable, Sendable {
        /// Write at the end of the segment's file (a new file at position 0) and flush, the
        /// directory too. In order. Answer with `written` or `writeFailed`.
        case append(write: UInt64, segment: UInt64, position: Int, bytes: [UInt8])
        /// The message is safe: the user's call ends well.
        case accepted(Admission)
        case refused(Admission, SpoolRefusal)
        /// Read the record and send its message with the producer's policy, numbered as always.
        /// Answer with `drained`, or `unreadable`.
        case send(Admission, SpoolPlace)
        /// No broker will ever take it: keep it where the user finds it. Answer with `wasSetAside`.
        case setAside(Admission, SpoolPlace, AttemptFailure)
        case remove(segment: UInt64)
        /// Nothing that can be sent is left in it, but bytes that could not be read: rename it.
        case quarantine(segment: UInt64)
    }

    package struct Progress: Hashable, Sendable {
        package var messages = 0
        package var messageBytes = 0
        package var fileBytes = 0
        package var topics = 0
        package var spooled = 0
        package var drained = 0
        package var setAside = 0
        package var refused = 0
        package var unreadable = 0
        package var isDiskBroken = false

        package init() {}
    }

    let settings: Settings
    var lines: [String: SpoolLine] = [:]
    var files: SpoolFiles
    /// Writes under way.
    var writes: [UInt64: Write] = [:]
    var marks: [UInt64] = []
    var lastSequence: UInt64 = 0
    var lastWrite: UInt64 = 0
    package var progress = Progress()

    enum Write: Sendable {
        case message(Admission, SpoolPlace)
        case marks
    }

    /// `images`: what earlier processes left. Their files are read, not written any more.
    package init(_ settings: Settings = Settings(), images: [SpoolImage] = [], at now: Tick) {
        self.settings = settings
        self.files = SpoolFiles(segmentBytes: settings.segmentBytes)
        let done = Set(images.flatMap(\.done))
        self.lastSequence = done.max() ?? 0
        for image in images.sorted(by: { $0.segment < $1.segment }) {
            self.files.found(image)
            for message in image.messages {
                self.lastSequence = max(self.lastSequence, message.sequence)
                if !done.contains(message.sequence) { self.recover(message, at: now) }
            }
        }
    }

    private mutating func recover(_ message: SpoolImage.Message, at now: Tick) {
        let isNew = self.lines[message.topic, default: SpoolLine(retryAt: now)]
            .insert(message.sequence, message.place)
        guard isNew else { return }
        self.files.kept(message.place)
        self.progress.messages += 1
        self.progress.messageBytes += message.place.count
    }
}

// Before and during the way to a broker.
extension SpoolPlanner {
    /// The user wants to send. The message goes to a broker if nothing of its topic is spooled;
    /// else to `spool`, at once.
    package mutating func admit(
        topic: String, at now: Tick
    ) -> (admission: Admission, isDirect: Bool) {
        self.lastSequence += 1
        let admission = Admission(topic: topic, sequence: self.lastSequence)
        let isDirect = !(self.lines[topic]?.isSpooling ?? false)
        if isDirect {
            self.lines[topic, default: SpoolLine(retryAt: now)].direct.insert(self.lastSequence)
        }
        return (admission, isDirect)
    }

    /// The message was sent, or failed for good. What is spooled behind it may go on.
    package mutating func directEnded(_ admission: Admission, at now: Tick) -> [Effect] {
        self.lines[admission.topic]?.direct.remove(admission.sequence)
        return self.drain(admission.topic, at: now)
    }

    /// Keeps the message on disk. `accepted` or `refused` follows.
    package mutating func spool(_ message: SpooledMessage, at now: Tick) -> [Effect] {
        let admission = Admission(topic: message.topic, sequence: message.sequence)
        let record = SpoolRecord.message(message)
        self.lines[message.topic, default: SpoolLine(retryAt: now)].direct
            .remove(message.sequence)
        if let refusal = self.refusal(of: record.encodedCount) {
            self.progress.refused += 1
            return [.refused(admission, refusal)] + self.drain(message.topic, at: now)
        }
        let (write, place, effect) = self.append(record)
        self.writes[write] = .message(admission, place)
        self.lines[message.topic]?.writing.insert(message.sequence)
        self.files.kept(place)
        self.progress.messages += 1
        self.progress.messageBytes += place.count
        return [effect]
    }

    private func refusal(of bytes: Int) -> SpoolRefusal? {
        let settings = self.settings
        if self.files.isBroken { return .diskFailed }
        let bytesMax = min(settings.messageBytesMax, SpoolRecord.payloadBytesMax)
        guard bytes <= bytesMax else { return .tooLarge(bytes: bytes, bytesMax: bytesMax) }
        guard self.progress.messages < settings.messagesMax else {
            return .tooMany(messages: self.progress.messages, messagesMax: settings.messagesMax)
        }
        guard self.files.bytes + bytes <= settings.bytesMax else {
            return .full(bytes: self.files.bytes, bytesMax: settings.bytesMax)
        }
        return nil
    }

    mutating func append(_ record: SpoolRecord) -> (UInt64, SpoolPlace, Effect) {
        let place = self.files.take(record.encodedCount)
        self.lastWrite += 1
        let bytes = record.encoded(segment: place.segment, position: place.position)
        return (
            self.lastWrite, place,
            .append(
                write: self.lastWrite, segment: place.segment, position: place.position,
                bytes: bytes)
        )
    }
}
