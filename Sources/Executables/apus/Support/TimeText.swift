import Chaos
import MessageFormat

/// Points in time as people write them, in UTC.
enum TimeText {
    /// `2026-11-21T10:15:00.250Z`
    static func text(_ time: Timestamp) -> String {
        let days = Self.floor(time.milliseconds, by: 86_400_000)
        let rest = time.milliseconds - days * 86_400_000
        let (year, month, day) = Self.civil(daysSince1970: days)
        let clock = [rest / 3_600_000, rest / 60_000 % 60, rest / 1000 % 60]
        return "\(Self.padded(year, 4))-\(Self.padded(month, 2))-\(Self.padded(day, 2))T"
            + clock.map { Self.padded($0, 2) }.joined(separator: ":")
            + ".\(Self.padded(rest % 1000, 3))Z"
    }

    /// A length of time, roughly: `8s`, `3m`, `5h`, `2d`.
    static func age(milliseconds: Int64) -> String {
        let units: [(name: String, milliseconds: Int64)] = [
            ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000),
        ]
        let unit = units.first { milliseconds >= 2 * $0.milliseconds } ?? ("s", 1_000)
        return "\(milliseconds / unit.milliseconds)\(unit.name)"
    }

    /// Takes ISO 8601 (`2026-11-21`, `2026-11-21T10:15`, `…:30.250`, with `Z` or `+02:00`), an
    /// age (`90s`, `10m`, `2h`, `3d`) before `now`, or milliseconds since 1970.
    static func parse(_ text: String, now: Timestamp) -> Timestamp? {
        if let age = Self.duration(text) {
            let milliseconds = age.components.seconds.multipliedReportingOverflow(by: 1000)
            guard !milliseconds.overflow else { return nil }
            return Timestamp(milliseconds: now.milliseconds - milliseconds.partialValue)
        }
        if let milliseconds = Int64(text), text.utf8.count > 4 {
            return Timestamp(milliseconds: milliseconds)
        }
        return Self.iso(text)
    }

    /// `90s`, `10m`, `2h`, `3d`, `500ms`.
    static func duration(_ text: String) -> Duration? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let count = Int64(digits), count < 1 << 32 else { return nil }
        switch text.dropFirst(digits.count) {
        case "ms": return .milliseconds(count)
        case "s": return .seconds(count)
        case "m": return .seconds(count * 60)
        case "h": return .seconds(count * 3600)
        case "d": return .seconds(count * 86_400)
        default: return nil
        }
    }

    private static func iso(_ text: String) -> Timestamp? {
        let halves = text.split(separator: "T", maxSplits: 1, omittingEmptySubsequences: false)
        let date = halves[0].split(separator: "-", omittingEmptySubsequences: false)
            .map { Int64($0) }
        guard date.count == 3, let year = date[0], let month = date[1], let day = date[2],
            (1...12).contains(month), (1...31).contains(day), (1970...9999).contains(year)
        else { return nil }
        let midnight = Self.days(year, month, day) * 86_400_000
        guard halves.count == 2 else { return Timestamp(milliseconds: midnight) }
        guard let clock = Self.clock(halves[1]) else { return nil }
        return Timestamp(milliseconds: midnight + clock)
    }

    /// Milliseconds since midnight UTC of `10:15:30.250+02:00`.
    private static func clock(_ text: Substring) -> Int64? {
        var zone: Int64 = 0
        var clock = text
        if clock.last == "Z" {
            clock.removeLast()
        } else if let sign = clock.lastIndex(where: { $0 == "+" || $0 == "-" }) {
            let parts = clock[clock.index(after: sign)...].split(separator: ":").map { Int64($0) }
            guard let hours = parts.first ?? nil, parts.count <= 2 else { return nil }
            let minutes = parts.count == 2 ? parts[1] : 0
            guard let minutes, hours <= 14, minutes < 60 else { return nil }
            zone = (hours * 60 + minutes) * (clock[sign] == "-" ? -60_000 : 60_000)
            clock = clock[..<sign]
        }
        let parts = clock.split(separator: ":", omittingEmptySubsequences: false)
        guard (2...3).contains(parts.count), let hour = Int64(parts[0]), hour < 24, hour >= 0,
            let minute = Int64(parts[1]), (0..<60).contains(minute)
        else { return nil }
        let seconds = parts.count == 3 ? Double(parts[2]) : 0
        guard let seconds, seconds >= 0, seconds < 61 else { return nil }
        return (hour * 60 + minute) * 60_000 + Int64((seconds * 1000).rounded()) - zone
    }

    // The calendar repeats every 400 years of 146,097 days; a year is counted from March, so that
    // the leap day is its last.
    private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let year = month <= 2 ? year - 1 : year
        let era = Self.floor(year, by: 400)
        let ofEra = year - era * 400
        let ofYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + ofEra * 365 + ofEra / 4 - ofEra / 100 + ofYear - 719_468
    }

    private static func civil(daysSince1970 days: Int64) -> (Int64, Int64, Int64) {
        let days = days + 719_468
        let era = Self.floor(days, by: 146_097)
        let ofEra = days - era * 146_097
        let year = (ofEra - ofEra / 1460 + ofEra / 36_524 - ofEra / 146_096) / 365
        let ofYear = ofEra - (365 * year + year / 4 - year / 100)
        let shifted = (5 * ofYear + 2) / 153
        let month = shifted + (shifted < 10 ? 3 : -9)
        return (
            year + era * 400 + (month <= 2 ? 1 : 0), month, ofYear - (153 * shifted + 2) / 5 + 1
        )
    }

    private static func floor(_ number: Int64, by divisor: Int64) -> Int64 {
        number >= 0 ? number / divisor : -((-number + divisor - 1) / divisor)
    }

    private static func padded(_ number: Int64, _ width: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
    }
}
