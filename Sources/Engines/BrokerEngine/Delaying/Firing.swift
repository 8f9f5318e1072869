import DeliveryCore
import LogCore
import MessageFormat

// What is due is put again, where it belongs: the message and the cursor's step in one batch.
extension BrokerEngine {
    /// Looks after delayed messages: keeps the earliest ones known and, as a master, delivers those
    /// whose time has come.
    mutating func tendDelays() {
        self.delayScanSteps = 0
        self.scanDelays()
        guard self.mayServe, (try? self.admit()) != nil,
            let due = self.delivery.delays.takeDue(
                at: self.now.wall, limit: 1_024, bytesMax: self.lotBytesMax)
        else { return }
        let ticket = self.reads.add(.fire(due))
        self.effects.append(.readMessages(ticket, due.messages.map(\.entry)))
    }

    /// Messages that are put again in one batch.
    var lotBytesMax: Int { min(2 << 20, self.settings.log.segmentBytes / 8) }

    /// The messages of a lot have been read; damaged ones are missing.
    mutating func fire(_ due: DueDelays, _ bytes: [UInt8]) {
        guard self.mayServe else { return self.delivery.delays.giveBack() }
        self.putAgain(bytes, expected: due.messages.count) { engine in
            engine.delivery.delays.firedRecord(through: due.through)
        }
        self.delivery.delays.fired(through: due.through)
    }

    /// Puts parked messages to where they belong, and the record that says so, in one batch.
    private mutating func putAgain(
        _ bytes: [UInt8], expected: Int, record: (BrokerEngine) -> StateRecord
    ) {
        bytes.withUnsafeBytes { all in
            let messages = StoredMessages(all).compactMap { message in
                self.destination(of: message).map { (message, $0) }
            }
            let record = record(self)
            let room = messages.reduce(StateRecord.headerCount + record.payload.count) {
                $0 + $1.0.size + $1.1.topic.utf8.count + 16
            }
            self.keepTogether(room)
            for (message, queue) in messages { self.put(message, to: queue) }
            _ = self.append(record)
            self.noteMissing(expected - messages.count)
        }
    }

    private mutating func put(_ message: StoredMessageView, to queue: QueueKey) {
        let draft = MessageDraft(
            copying: message, to: queue, storeHost: self.settings.storeHost)
        do {
            _ = try self.place(draft, body: message.body, properties: message.propertiesBytes)
            self.counters.delivered()
        } catch {
            self.effects.append(
                .warn("a delayed message for \(queue.topic) could not be delivered: \(error)"))
        }
    }

    /// A topic that was deleted took with it what waited for it.
    private func destination(of message: StoredMessageView) -> QueueKey? {
        guard let queue = DelayParking.destination(of: message.propertiesBytes),
            self.delivery.topics.config(queue.topic) != nil
        else { return nil }
        return queue
    }

    private mutating func noteMissing(_ count: Int) {
        guard count > 0 else { return }
        self.effects.append(
            .warn(
                "\(count) delayed messages were not delivered: their topics are deleted, or they "
                    + "are damaged on disk"))
    }
}

/// Messages that lie one behind the other.
struct StoredMessages: Sequence, IteratorProtocol {
    private let bytes: UnsafeRawBufferPointer
    private var at = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    mutating func next() -> StoredMessageView? {
        guard
            let message = try? StoredMessageView(
                UnsafeRawBufferPointer(rebasing: self.bytes[self.at...]))
        else { return nil }
        self.at += message.size
        return message
    }
}
