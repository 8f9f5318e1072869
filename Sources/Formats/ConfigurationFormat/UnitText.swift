/// A unit of time in a setting's value. RocketMQ's keys have a fixed one, which a plain number means.
package enum TimeUnit: String, CaseIterable, Sendable {
    case milliseconds = "ms"
    case seconds = "s"
    case minutes = "m"
    case hours = "h"
    case days = "d"

    var milliseconds: Int64 {
        switch self {
        case .milliseconds: 1
        case .seconds: 1_000
        case .minutes: 60_000
        case .hours: 3_600_000
        case .days: 86_400_000
        }
    }
}

/// Lengths of time as people write them: `500ms`, `10s`, `3m`, `72h`, `3d`.
package enum DurationText {
    /// nil: no number, no unit that there is, or more than can be counted.
    package static func parse(_ text: String, plain: TimeUnit) -> Duration? {
        guard let (count, suffix) = numberAndUnit(text) else { return nil }
        guard let unit = suffix.isEmpty ? plain : TimeUnit(rawValue: String(suffix)) else {
            return nil
        }
        let product = count.multipliedReportingOverflow(by: unit.milliseconds)
        return product.overflow ? nil : .milliseconds(product.partialValue)
    }

    /// In the largest unit in which it is a whole number.
    package static func text(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        let milliseconds = seconds * 1_000 + attoseconds / 1_000_000_000_000_000
        let unit = TimeUnit.allCases.last { unit in
            milliseconds != 0 && milliseconds % unit.milliseconds == 0
        }
        guard let unit else { return "0s" }
        return "\(milliseconds / unit.milliseconds)\(unit.rawValue)"
    }
}

/// Numbers of bytes as people write them: `4096`, `64KiB`, `256MiB`, `1GiB`.
package enum SizeText {
    static let units: [(name: String, bytes: Int64)] = [
        ("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40),
    ]

    /// nil: no number, no unit that there is, or more than can be counted.
    package static func parse(_ text: String) -> Int64? {
        guard let (count, suffix) = numberAndUnit(text) else { return nil }
        if suffix.isEmpty { return count }
        guard let unit = Self.units.first(where: { $0.name == suffix }) else { return nil }
        let product = count.multipliedReportingOverflow(by: unit.bytes)
        return product.overflow ? nil : product.partialValue
    }

    package static func text(_ bytes: Int64) -> String {
        let unit = Self.units.last { bytes != 0 && bytes % $0.bytes == 0 && $0.bytes > 1 }
        return unit.map { "\(bytes / $0.bytes)\($0.name)" } ?? "\(bytes)"
    }
}

/// A whole number of zero or more, then letters; one blank may part them.
private func numberAndUnit(_ text: String) -> (Int64, Substring)? {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    guard let count = Int64(digits) else { return nil }
    var unit = text.dropFirst(digits.count)
    if unit.first == " ", unit.count > 1 { unit = unit.dropFirst() }
    return (count, unit)
}
