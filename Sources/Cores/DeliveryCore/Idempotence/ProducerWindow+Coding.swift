private import DequeModule
internal import MessageFormat

extension ProducerWindow {
    func write(to writer: inout StateWriter) {
        writer.put(compact: UInt64(self.done))
        writer.put(compact: UInt64(self.stored.count))
        var last = Stored(
            sequence: self.done, place: StoredPlace(offset: .zero, position: .zero))
        for next in self.stored {
            writer.put(compact: UInt64(next.sequence - last.sequence))
            writer.put(compact: next.place.offset.value, after: last.place.offset.value)
            writer.put(compact: next.place.position.bytes, after: last.place.position.bytes)
            last = next
        }
    }

    init(from reader: inout StateReader, countMax: Int) throws(StateRecordError) {
        let numberMax = Int(IdempotentStamp.numberMax)
        let done = Int64(try reader.compact("done", upTo: numberMax))
        self.init(done: done)
        var last = Stored(sequence: done, place: StoredPlace(offset: .zero, position: .zero))
        for _ in 0..<(try reader.compact("count", upTo: Int(Int32.max))) {
            let step = Int64(try reader.compact("sequence", upTo: numberMax))
            let offset = try reader.place("queue offset", after: last.place.offset.value)
            let position = try reader.place("position", after: last.place.position.bytes)
            last.sequence += step
            guard step > 0, last.sequence < IdempotentStamp.numberMax else {
                throw .illegalValue(field: "sequence")
            }
            last.place = StoredPlace(
                offset: QueueOffset(offset), position: PhysicalOffset(position))
            let stamp = IdempotentStamp(producer: "", sequence: last.sequence, done: done)
            self.insert(stamp, at: last.place, countMax: countMax)
        }
    }
}
