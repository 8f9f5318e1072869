internal import MessageFormat

/// Kinds of records, as they stand in the log. Numbers are never given a new meaning.
///
/// Every payload starts with a version byte, 1. Integers are big-endian; compact ones have seven
/// bits a byte, lowest first; a step is the folded difference to the one before (to 0 at first).
package enum IdempotenceRecordKind: UInt16, Hashable, Sendable, CaseIterable {
    /// Snapshot. For each queue: topic, queue id (4), number of sessions (compact), and for each
    /// of them: producer, what it is done with (compact), number of stored messages (compact), and
    /// for each of them, by sequence: how far it lies above the one before, or above what is done
    /// (compact), step of the queue offset, step of the position.
    case sessions = 30
    /// Topic, queue id (4) and producer of each session that was silent for too long.
    case forgotten = 31
}

enum IdempotenceRecords {
    typealias SessionKey = IdempotenceTable.SessionKey

    /// A part is closed when it is longer. One session more fits a record still.
    private static let partBytes = 64 * 1024

    static func forgotten(_ keys: [SessionKey]) -> [StateRecord] {
        let perRecord = 500
        return stride(from: 0, to: keys.count, by: perRecord).map { start in
            var writer = StateWriter()
            for key in keys[start..<min(start + perRecord, keys.count)] {
                writer.put(key.queue.topic)
                writer.put(key.queue.queueID)
                writer.put(key.producer)
            }
            return Self.record(.forgotten, writer)
        }
    }

    static func sessions(_ windows: [SessionKey: ProducerWindow]) -> [StateRecord] {
        var records: [StateRecord] = []
        var writer = StateWriter()
        for part in Self.parts(of: windows) {
            if writer.bytes.count + part.bytes.count > DeliveryRecords.bytesMax {
                records.append(Self.record(.sessions, writer))
                writer = StateWriter()
            }
            writer.put(part: part)
        }
        return windows.isEmpty ? [] : records + [Self.record(.sessions, writer)]
    }

    private static func parts(of windows: [SessionKey: ProducerWindow]) -> [StateWriter] {
        var parts: [SessionsPart] = []
        for (key, window) in windows.sorted(by: { $0.key < $1.key }) {
            if parts.last?.takes(key.queue, bytesMax: Self.partBytes) != true {
                parts.append(SessionsPart(queue: key.queue))
            }
            parts[parts.count - 1].append(key.producer, window)
        }
        return parts.map(\.writer)
    }

    private static func record(_ kind: IdempotenceRecordKind, _ writer: StateWriter) -> StateRecord
    {
        StateRecord(kind: kind.rawValue, payload: writer.bytes)
    }
}

/// Sessions of one queue, as a snapshot holds them.
private struct SessionsPart {
    private let queue: QueueKey
    private var count: UInt64 = 0
    private var sessions = StateWriter(part: ())

    init(queue: QueueKey) { self.queue = queue }

    func takes(_ queue: QueueKey, bytesMax: Int) -> Bool {
        queue == self.queue && self.sessions.bytes.count <= bytesMax
    }

    mutating func append(_ producer: String, _ window: ProducerWindow) {
        self.count += 1
        self.sessions.put(producer)
        window.write(to: &self.sessions)
    }

    var writer: StateWriter {
        var writer = StateWriter(part: ())
        writer.put(self.queue.topic)
        writer.put(self.queue.queueID)
        writer.put(compact: self.count)
        writer.put(part: self.sessions)
        return writer
    }
}
