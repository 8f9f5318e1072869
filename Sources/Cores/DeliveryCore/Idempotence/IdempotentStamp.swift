package import MessageFormat

/// What a producer writes into a message so that a resend is stored once.
///
/// A session numbers what it sends to each queue from 1 (`docs/sequence-numbers.md`). With
/// APUS_SEQ_DONE it promises besides that it sends nothing again up to that number. A message
/// without that promise is numbered only, and never taken for a duplicate.
package struct IdempotentStamp: Hashable, Sendable {
    package static let producerBytesMax = 64
    /// More is nonsense, and arithmetic on it could overflow.
    package static let numberMax = Int64(1) << 62

    package var producer: String
    package var sequence: Int64
    /// Every number up to this one is answered for good.
    package var done: Int64

    package init(producer: String, sequence: Int64, done: Int64) {
        self.producer = producer
        self.sequence = sequence
        self.done = done
    }

    /// What properties say.
    package enum Reading: Hashable, Sendable {
        /// No promise, so nothing to do.
        case none
        case stamp(IdempotentStamp)
        /// The promise is there, and the rest is missing or spoilt.
        case illegal(String)
    }
}

extension PropertyName {
    /// Apus: every number of the session on that queue up to this one is answered for good.
    package static let sequenceDone = "APUS_SEQ_DONE"
}

extension IdempotentStamp {
    package static func read(_ properties: UnsafeRawBufferPointer) -> Reading {
        let found = StampProperties(properties)
        guard let done = found.done else { return .none }
        guard let producer = found.text(found.producer),
            (1...Self.producerBytesMax).contains(producer.utf8.count)
        else {
            return .illegal(
                "\(PropertyName.sequenceProducer) must be a text of 1 to "
                    + "\(Self.producerBytesMax) bytes")
        }
        guard let sequence = found.number(found.sequence), 0 < sequence else {
            return .illegal("\(PropertyName.sequenceNumber) must be a number from 1 on")
        }
        guard let done = found.number(done), done < sequence else {
            return .illegal(
                "\(PropertyName.sequenceDone) must be a number below "
                    + "\(PropertyName.sequenceNumber)")
        }
        return .stamp(Self(producer: producer, sequence: sequence, done: done))
    }

    /// The properties without the promise.
    ///
    /// Whatever a broker puts into the log by itself, such as a message that is tried again or
    /// whose time has come, is not what its producer sent: the copy says nothing of the numbers.
    package static func withoutPromise(_ properties: UnsafeRawBufferPointer) -> [UInt8] {
        let promise = "\(PropertyName.sequenceDone)\u{1}".utf8
        var kept: [UInt8] = []
        kept.reserveCapacity(properties.count)
        for pair in properties.split(separator: 2) where !pair.starts(with: promise) {
            kept.append(contentsOf: pair)
            kept.append(2)
        }
        return kept
    }

    /// The queue that the numbers of a message belong to: where its producer sent it, though it
    /// may be stored elsewhere until it is committed or due.
    package static func queue(
        storedIn topic: String, queueID: Int32, properties: @autoclosure () -> MessageProperties
    ) -> QueueKey {
        let stored = QueueKey(topic: topic, queueID: queueID)
        guard Self.waitingTopics.contains(topic) else { return stored }
        let properties = properties()
        guard let topic = properties[PropertyName.realTopic],
            let queueID = properties[PropertyName.realQueueID].flatMap({ Int32($0) })
        else { return stored }
        return QueueKey(topic: topic, queueID: queueID)
    }

    private static let waitingTopics: Set<String> = [
        SystemTopic.half, SystemTopic.schedule, "rmq_sys_wheel_timer",
    ]
}

/// The three properties, found in one pass over the bytes: most messages have none of them.
private struct StampProperties {
    private(set) var producer: Range<Int>?
    private(set) var sequence: Range<Int>?
    private(set) var done: Range<Int>?
    private let bytes: UnsafeRawBufferPointer

    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
        var start = 0
        while start < bytes.count {
            let end = bytes[start...].firstIndex(of: 2) ?? bytes.count
            self.note(start..<end)
            start = end + 1
        }
    }

    private mutating func note(_ pair: Range<Int>) {
        // All three names begin alike; nothing else is looked at closely.
        let common = "APUS_SEQ".utf8
        guard pair.count > common.count, self.bytes[pair.lowerBound] == UInt8(ascii: "A"),
            self.bytes[pair].starts(with: common),
            let separator = self.bytes[pair].firstIndex(of: 1), separator + 1 < pair.upperBound
        else { return }
        let name = self.bytes[pair.lowerBound..<separator]
        let value = (separator + 1)..<pair.upperBound
        if name.elementsEqual(PropertyName.sequenceProducer.utf8) { self.producer = value }
        if name.elementsEqual(PropertyName.sequenceNumber.utf8) { self.sequence = value }
        if name.elementsEqual(PropertyName.sequenceDone.utf8) { self.done = value }
    }

    func text(_ range: Range<Int>?) -> String? {
        range.flatMap { String(validating: self.bytes[$0], as: UTF8.self) }
    }

    /// `n` or `n/h`: a retry names the highest number besides, which matters to readers only.
    func number(_ range: Range<Int>?) -> Int64? {
        guard let text = self.text(range)?.split(separator: "/").first, let number = Int64(text),
            0 <= number, number < IdempotentStamp.numberMax
        else { return nil }
        return number
    }
}
