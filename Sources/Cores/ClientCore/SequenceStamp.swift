package import MessageFormat

/// What the sequence interceptor writes into a message (`docs/sequence-numbers.md`).
package struct SequenceStamp: Hashable, Sendable {
    /// One producer's numbering. A new one starts whenever numbers start again at 1.
    package var session: String
    /// The message's place among those that the session sent to this queue, from 1.
    package var number: Int64
    /// Every number up to this one is decided: acknowledged or given up.
    package var decided: Int64
    /// Numbers that were given up: nobody promised that these are stored. In order.
    package var givenUp: [Int64]

    /// More than this is nonsense, and arithmetic on it could overflow.
    private static let numberMax = Int64(1) << 62

    package init(session: String, number: Int64, decided: Int64, givenUp: [Int64]) {
        self.session = session
        self.number = number
        self.decided = decided
        self.givenUp = givenUp
    }
}

extension PropertyName {
    /// Apus: `decided` or `decided:givenUp,givenUp,…`.
    package static let sequenceDecided = "APUS_SEQ_DECIDED"
}

extension SequenceStamp {
    package func write(to properties: inout MessageProperties) {
        properties[PropertyName.sequenceProducer] = self.session
        properties[PropertyName.sequenceNumber] = String(self.number)
        properties[PropertyName.sequenceDecided] = self.decidedText
    }

    private var decidedText: String {
        guard !self.givenUp.isEmpty else { return String(self.decided) }
        return "\(self.decided):" + self.givenUp.map(String.init).joined(separator: ",")
    }

    /// Nil if the message carries no stamp or a spoilt one.
    package init?(_ properties: MessageProperties) {
        guard let session = properties[PropertyName.sequenceProducer],
            let number = properties[PropertyName.sequenceNumber].flatMap({ Int64($0) }),
            let parts = properties[PropertyName.sequenceDecided]?.split(
                separator: ":", maxSplits: 1),
            let decided = parts.first.flatMap({ Int64($0) }), decided >= 0,
            decided < number, number < Self.numberMax
        else { return nil }
        let listed = parts.dropFirst().first?.split(separator: ",") ?? []
        let givenUp = listed.compactMap { Int64($0) }
        guard givenUp.count == listed.count, givenUp.allSatisfy({ 0 < $0 && $0 < number }) else {
            return nil
        }
        self.init(session: session, number: number, decided: decided, givenUp: givenUp.sorted())
    }
}
