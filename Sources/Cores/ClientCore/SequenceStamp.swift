package import MessageFormat

/// What the sequence interceptor writes into a message (`docs/sequence-numbers.md`).
package struct SequenceStamp: Hashable, Sendable {
    /// One producer's numbering. A new one starts whenever numbers start again at 1.
    package var session: String
    /// The message's place among those that the session sent to this queue, from 1.
    package var number: Int64
    /// The highest number that the session had given on this queue when the message left: more than
    /// `number` if this is a retry.
    package var highest: Int64
    /// Every number up to this one is decided: acknowledged or given up.
    package var decided: Int64
    /// Numbers that were given up: nobody promised that these are stored. In order.
    package var givenUp: [Int64]

    /// More than this is nonsense, and arithmetic on it could overflow.
    private static let numberMax = Int64(1) << 62

    package init(
        session: String, number: Int64, highest: Int64? = nil, decided: Int64, givenUp: [Int64]
    ) {
        self.session = session
        self.number = number
        self.highest = highest ?? number
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
        properties[PropertyName.sequenceNumber] =
            self.highest == self.number ? String(self.number) : "\(self.number)/\(self.highest)"
        properties[PropertyName.sequenceDecided] = self.decidedText
    }

    private var decidedText: String {
        guard !self.givenUp.isEmpty else { return String(self.decided) }
        return "\(self.decided):" + self.givenUp.map(String.init).joined(separator: ",")
    }

    /// Nil if the message carries no stamp or a spoilt one.
    package init?(_ properties: MessageProperties) {
        guard let session = properties[PropertyName.sequenceProducer],
            let place = properties[PropertyName.sequenceNumber].flatMap(Self.place),
            let promise = properties[PropertyName.sequenceDecided].flatMap(Self.promise),
            promise.decided < place.number, promise.givenUp.allSatisfy({ $0 < place.number })
        else { return nil }
        self.init(
            session: session, number: place.number, highest: place.highest,
            decided: promise.decided, givenUp: promise.givenUp)
    }

    /// `number` or `number/highest`.
    private static func place(_ text: String) -> (number: Int64, highest: Int64)? {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        let numbers = parts.compactMap { Int64($0) }
        guard numbers.count == parts.count, let number = numbers.first, numbers.count <= 2,
            let highest = numbers.last, 0 < number, number <= highest, highest < Self.numberMax
        else { return nil }
        return (number, highest)
    }

    /// `decided` or `decided:givenUp,givenUp,…`.
    private static func promise(_ text: String) -> (decided: Int64, givenUp: [Int64])? {
        let parts = text.split(separator: ":", maxSplits: 1)
        guard let decided = parts.first.flatMap({ Int64($0) }), decided >= 0 else { return nil }
        let listed = parts.dropFirst().first?.split(separator: ",") ?? []
        let givenUp = listed.compactMap { Int64($0) }
        guard givenUp.count == listed.count, givenUp.allSatisfy({ $0 > 0 }) else { return nil }
        return (decided, givenUp.sorted())
    }
}
