internal import MessageFormat

/// What a segment file of an earlier process still holds.
///
/// A tail that was being written when the process died is cut; a damaged record in front of good
/// ones is skipped. Both are reported, never silent.
package struct SpoolImage: Hashable, Sendable {
    package struct Message: Hashable, Sendable {
        package var sequence: UInt64
        package var topic: String
        package var place: SpoolPlace
    }

    /// Bytes that are no record, and what is known of the record that they were.
    package struct Damage: Hashable, Sendable {
        package var bytes: Range<Int>
        package var sequence: UInt64?
        package var reason: SpoolRecordError
    }

    package let segment: UInt64
    package private(set) var messages: [Message] = []
    package private(set) var done: [UInt64] = []
    package private(set) var damages: [Damage] = []
    /// Behind it there is no record. What follows was never acknowledged to anybody, or is damaged
    /// beyond telling.
    package private(set) var end = 0
    package let bytes: Int

    package init(segment: UInt64, reading bytes: UnsafeRawBufferPointer) {
        self.segment = segment
        self.bytes = bytes.count
        var at = 0
        while at < bytes.count { at = self.step(bytes, at) }
    }

    /// Bytes that were cut off at the end.
    package var tornBytes: Int { self.bytes - self.end }

    private mutating func step(_ bytes: UnsafeRawBufferPointer, _ at: Int) -> Int {
        do throws(SpoolRecordError) {
            let (record, count) = try SpoolRecord.read(bytes, at: at, segment: self.segment)
            self.add(record, SpoolPlace(segment: self.segment, position: at, count: count))
            self.end = at + count
            return self.end
        } catch {
            return self.skip(bytes, at, error)
        }
    }

    private mutating func add(_ record: SpoolRecord, _ place: SpoolPlace) {
        switch record {
        case .message(let message):
            self.messages.append(
                Message(sequence: message.sequence, topic: message.topic, place: place))
        case .done(let sequences): self.done += sequences
        }
    }

    private mutating func skip(
        _ bytes: UnsafeRawBufferPointer, _ at: Int, _ error: SpoolRecordError
    ) -> Int {
        if case .damaged(let sequence, let count) = error {
            self.damages.append(
                Damage(bytes: at..<(at + count), sequence: sequence, reason: error))
            self.end = at + count
            return self.end
        }
        var next = at + 1
        while next < bytes.count, !self.isHeader(bytes, at: next) { next += 1 }
        if next < bytes.count {
            self.damages.append(Damage(bytes: at..<next, sequence: nil, reason: error))
        }
        return next
    }

    private func isHeader(_ bytes: UnsafeRawBufferPointer, at position: Int) -> Bool {
        guard bytes[position] == UInt8(SpoolRecord.magic >> 24) else { return false }
        return (try? SpoolRecordHeader(bytes, at: position, segment: self.segment)) != nil
    }
}
