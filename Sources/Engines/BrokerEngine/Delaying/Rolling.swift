import DeliveryCore
import LogCore
import MessageFormat

// Before the oldest segment is deleted, what still waits in it is put again at the log's end.
extension BrokerEngine {
    private static let rolledAtOnce = 1_024

    /// Whether nothing waits any more in the segment. If something does, it is put again.
    mutating func isRolledOut(_ segment: PhysicalOffset) -> Bool {
        guard let queue = self.timerQueue,
            let end = self.queues[queue].end(ofSegmentsThrough: segment)
        else { return true }
        let first = max(
            self.queues[queue].minOffset, self.delivery.delays.rolledThrough.advanced(by: 1))
        guard first < end, self.delivery.delays.pendingCount > 0 else { return true }
        if self.mayServe {
            let stop = min(end, first.advanced(by: Self.rolledAtOnce))
            self.walk(IndexWalk(purpose: .roll, queue: queue, end: stop, next: first))
        }
        return false
    }

    mutating func roll(_ entries: [(IndexEntry, QueueOffset)], through: QueueOffset) {
        guard let roll = self.delivery.delays.beginRoll(entries, through: through) else { return }
        let ticket = self.reads.add(.roll)
        self.effects.append(.readMessages(ticket, roll.messages.map(\.entry)))
    }

    /// The messages of a roll have been read; damaged ones are missing.
    mutating func putRolled(_ bytes: [UInt8]) {
        guard self.mayServe, let (messages, record) = self.delivery.delays.rollToAppend() else {
            return self.delivery.delays.abandonRoll()
        }
        let wanted = Set(messages.map(\.entry.position))
        bytes.withUnsafeBytes { all in
            let found = StoredMessages(all).filter { wanted.contains($0.physicalOffset) }
            let size = found.reduce(StateRecord.headerCount + record.payload.count) {
                $0 + $1.size + 16
            }
            self.keepTogether(size)
            for message in found {
                let draft = MessageDraft(
                    copying: message, to: DelayParking.queue, storeHost: self.settings.storeHost)
                _ = try? self.place(draft, body: message.body, properties: message.propertiesBytes)
            }
            _ = self.append(record)
        }
        self.delivery.delays.rolled()
    }
}
