package import MessageFormat

/// The numbers of a message, or of a batch's messages, for one attempt to send.
package struct IdempotentStamps: Hashable, Sendable {
    package var session: String
    package var numbers: ClosedRange<Int64>
    /// Every number up to this one is answered for good.
    package var done: Int64
    /// The highest number given on this queue by now.
    package var highest: Int64
    /// Numbers that were given up, in order.
    package var givenUp: [Int64]

    /// The stamp of the batch's message at `index`; 0 for one that is sent alone.
    ///
    /// It serves readers that look for loss, too.
    package func sequenceStamp(at index: Int = 0) -> SequenceStamp {
        let number = min(self.numbers.lowerBound + Int64(index), self.numbers.upperBound)
        return SequenceStamp(
            session: self.session, number: number, highest: max(self.highest, number),
            decided: self.done, givenUp: self.givenUp.filter { $0 < number })
    }

    package func write(to properties: inout MessageProperties, at index: Int = 0) {
        self.sequenceStamp(at: index).write(to: &properties)
        properties[PropertyName.idempotenceDone] = String(self.done)
    }
}

extension PropertyName {
    /// Apus: brokers store a message with this property once, however often it is sent.
    package static let idempotenceDone = "APUS_SEQ_DONE"
}
