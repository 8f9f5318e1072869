/// The table of delay levels: level 1 is the first (`messages.md` §7).
package struct DelayLevels: Hashable, Sendable {
    package enum ParsingError: Error, Hashable, CustomStringConvertible {
        case empty
        case tooMany(Int, countMax: Int)
        /// Not a number above zero with one of the units s, m, h, d.
        case illegalDelay(String)
        case tooLong(String, daysMax: Int)

        package var description: String {
            switch self {
            case .empty: "the table of delay levels is empty"
            case .tooMany(let count, let countMax):
                "the table has \(count) delay levels, at most \(countMax) are allowed"
            case .illegalDelay(let text):
                "\"\(text)\" is no delay: a number above zero with a unit, s, m, h or d, is"
            case .tooLong(let text, let daysMax):
                "the delay \(text) is longer than \(daysMax) days"
            }
        }
    }

    package static let countMax = 64

    package static let standard = Self(checked: [
        1, 5, 10, 30, 60, 120, 180, 240, 300, 360, 420, 480, 540, 600, 1_200, 1_800, 3_600, 7_200,
    ])

    /// In milliseconds.
    private let delays: [Int64]

    private init(checked seconds: [Int64]) { self.delays = seconds.map { $0 * 1_000 } }

    /// Reads `messageDelayLevel`: delays parted by blanks, such as `1s 5s 10s 1m 2h 1d`.
    package init(parsing text: String) throws(ParsingError) {
        let words = text.split { $0 == " " || $0 == "\t" }
        guard !words.isEmpty else { throw .empty }
        guard words.count <= Self.countMax else {
            throw .tooMany(words.count, countMax: Self.countMax)
        }
        var seconds: [Int64] = []
        for word in words { seconds.append(try Self.seconds(word)) }
        self.init(checked: seconds)
    }

    private static func seconds(_ word: Substring) throws(ParsingError) -> Int64 {
        let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3_600, "d": 86_400]
        guard let last = word.last, let unit = units[last],
            let number = Int64(word.dropLast()), number > 0
        else { throw .illegalDelay(String(word)) }
        let daysMax = DelaySettings.longestPossible / 86_400_000
        guard number <= daysMax * 86_400 / unit else {
            throw .tooLong(String(word), daysMax: Int(daysMax))
        }
        return number * unit
    }

    package var count: Int { self.delays.count }

    /// The delay of a level in milliseconds; a level above the table means the last one. Nil: not a
    /// level, so no delay.
    package func delay(ofLevel level: Int64) -> Int64? {
        guard level > 0 else { return nil }
        return self.delays[Int(min(level, Int64(self.count))) - 1]
    }
}
