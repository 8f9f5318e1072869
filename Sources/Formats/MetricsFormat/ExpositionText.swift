/// Prometheus' text format, version 0.0.4.
///
/// Each family has its HELP and TYPE once, before its samples. Buckets of a histogram are
/// cumulative and end with `+Inf`.
package struct ExpositionText {
    package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    private var text = ""

    package static func encode(_ page: MetricPage) -> String {
        var encoder = Self()
        for family in page.families { encoder.write(family) }
        return encoder.text
    }

    private mutating func write(_ family: MetricFamily) {
        self.text += "# HELP \(family.name) \(Self.escaped(help: family.help))\n"
        self.text += "# TYPE \(family.name) \(family.kind.rawValue)\n"
        for sample in family.samples { self.write(sample, of: family.name) }
    }

    private mutating func write(_ sample: MetricSample, of name: String) {
        switch sample.value {
        case .integer(let value): self.line(name, sample.labels, String(value))
        case .number(let value): self.line(name, sample.labels, Self.text(of: value))
        case .histogram(let histogram): self.write(histogram, name, sample.labels)
        }
    }

    private mutating func write(_ histogram: Histogram, _ name: String, _ labels: [MetricLabel]) {
        var below = Int64(0)
        for (index, count) in histogram.counts.enumerated() {
            below += count
            let bound =
                index < histogram.bounds.count
                ? Self.text(of: histogram.value(of: histogram.bounds[index])) : "+Inf"
            self.line("\(name)_bucket", labels + [MetricLabel("le", bound)], String(below))
        }
        self.line("\(name)_sum", labels, Self.text(of: histogram.value(of: histogram.sum)))
        self.line("\(name)_count", labels, String(below))
    }

    private mutating func line(_ name: String, _ labels: [MetricLabel], _ value: String) {
        self.text += name
        if !labels.isEmpty {
            let pairs = labels.map { "\($0.name)=\"\(Self.escaped(label: $0.value))\"" }
            self.text += "{" + pairs.joined(separator: ",") + "}"
        }
        self.text += " \(value)\n"
    }
}

extension ExpositionText {
    static func text(of value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value > 0 ? "+Inf" : "-Inf" }
        if value == value.rounded(), abs(value) < 1e15 { return String(Int64(value)) }
        return value.description
    }

    private static func escaped(help: String) -> String {
        Self.escaped(help, quotes: false)
    }

    private static func escaped(label: String) -> String {
        Self.escaped(label, quotes: true)
    }

    private static func escaped(_ text: String, quotes: Bool) -> String {
        let special = text.utf8.contains { byte in
            byte == UInt8(ascii: "\\") || byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\"")
        }
        guard special else { return text }
        var escaped = ""
        for character in text.unicodeScalars {
            switch character {
            case "\\": escaped += "\\\\"
            case "\n": escaped += "\\n"
            case "\"" where quotes: escaped += "\\\""
            default: escaped.unicodeScalars.append(character)
            }
        }
        return escaped
    }
}

extension Histogram {
    /// What is printed for a measured integer: as few digits as say it, so that the nearest
    /// division is used, not a product of a rounded unit.
    func value(of measured: Int64) -> Double {
        let inverse = (1 / self.unit).rounded()
        return self.unit < 1 ? Double(measured) / inverse : Double(measured) * self.unit
    }
}
