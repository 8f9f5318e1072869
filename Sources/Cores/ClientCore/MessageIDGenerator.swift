package import MessageFormat

/// Makes the ids that producers give their messages (`UNIQ_KEY`).
///
/// Upper-case hexadecimal of IP, process id (2 bytes), a number of this instance (4), milliseconds
/// since the month began (4) and a counter (2). Ids are unique while one instance makes fewer than
/// 65,536 of them in a millisecond.
package struct MessageIDGenerator: Sendable {
    private let prefix: String
    private var counter: UInt16 = 0
    private var month: Range<Int64> = 0..<0

    package init(ip: [UInt8], processID: Int32, instance: UInt32) {
        var bytes = ip
        bytes.append(bigEndian: UInt16(truncatingIfNeeded: processID))
        bytes.append(bigEndian: instance)
        self.prefix = Hexadecimal.encode(bytes)
    }

    package mutating func next(at now: Timestamp) -> String {
        if !self.month.contains(now.milliseconds) {
            self.month = Self.month(around: now.milliseconds)
        }
        let elapsed = UInt32(truncatingIfNeeded: now.milliseconds - self.month.lowerBound)
        self.counter &+= 1
        let tail = UInt64(elapsed) << 16 | UInt64(self.counter)
        return self.prefix + Self.hexadecimal(tail, digits: 12)
    }

    private static func hexadecimal(_ value: UInt64, digits: Int) -> String {
        String(unsafeUninitializedCapacity: digits) { out in
            for place in 0..<digits {
                let nibble = UInt8(truncatingIfNeeded: value >> ((digits - 1 - place) * 4)) & 15
                out[place] = nibble < 10 ? 48 + nibble : 55 + nibble
            }
            return digits
        }
    }

    /// The month (UTC, proleptic Gregorian) around a time, in milliseconds since 1970.
    static func month(around milliseconds: Int64) -> Range<Int64> {
        let day = Self.floorDivide(milliseconds, 86_400_000)
        // Days are counted from 0000-03-01, so that the leap day ends a year of 400-year eras.
        let shifted = day + 719_468
        let era = Self.floorDivide(shifted, 146_097)
        let dayOfEra = shifted - era * 146_097
        let centuryDays = dayOfEra / 36_524 - dayOfEra / 146_096
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + centuryDays) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let firstOfMonth = day - (dayOfYear - (153 * monthFromMarch + 2) / 5)
        let start = firstOfMonth * 86_400_000
        // 28 days are inside every month: the next month is found soon enough.
        return start..<max(start + 28 * 86_400_000, milliseconds + 1)
    }

    private static func floorDivide(_ value: Int64, _ divisor: Int64) -> Int64 {
        value >= 0 ? value / divisor : (value + 1) / divisor - 1
    }
}
