package import MessageFormat

extension IdempotenceTable {
    /// The whole state; every record is short, all together `settings.snapshotBytesMax` at most.
    package func snapshotRecords() -> [StateRecord] { IdempotenceRecords.sessions(self.windows) }

    /// Applies a record of the log. False: the kind is somebody else's.
    ///
    /// A record that cannot be read changes nothing.
    package mutating func apply(
        kind: UInt16, payload: UnsafeRawBufferPointer
    ) throws(StateRecordError) -> Bool {
        guard let kind = IdempotenceRecordKind(rawValue: kind) else { return false }
        var reader = try StateReader(payload)
        switch kind {
        case .sessions: try self.applySessions(&reader)
        case .forgotten: try self.applyForgotten(&reader)
        }
        return true
    }

    private mutating func applySessions(_ reader: inout StateReader) throws(StateRecordError) {
        var sessions: [(SessionKey, ProducerWindow)] = []
        while !reader.isAtEnd {
            let queue = try reader.queue()
            for _ in 0..<(try reader.compact("count", upTo: Int(Int32.max))) {
                let key = SessionKey(queue: queue, producer: try reader.producer())
                let window = try ProducerWindow(from: &reader, countMax: self.settings.windowMax)
                sessions.append((key, window))
            }
        }
        for (key, window) in sessions { self.restore(key, window) }
    }

    private mutating func applyForgotten(_ reader: inout StateReader) throws(StateRecordError) {
        var keys: [SessionKey] = []
        while !reader.isAtEnd {
            keys.append(
                SessionKey(queue: try reader.queue(), producer: try reader.producer()))
        }
        for key in keys { self.remove(key) }
    }
}

extension StateReader {
    fileprivate mutating func queue() throws(StateRecordError) -> QueueKey {
        QueueKey(topic: try self.text("topic"), queueID: try self.integer(Int32.self))
    }

    fileprivate mutating func producer() throws(StateRecordError) -> String {
        let producer = try self.text("producer")
        guard (1...IdempotentStamp.producerBytesMax).contains(producer.utf8.count) else {
            throw .illegalValue(field: "producer")
        }
        return producer
    }
}
