/// Reads Prometheus' text format line by line, and refuses what a strict reader would.
///
/// Beyond the format itself it asks for what our pages promise: a TYPE for every family, families
/// that are not interrupted, no sample twice, and counters named `_total`.
package struct ExpositionGrammar {
    package struct Violation: Error, CustomStringConvertible {
        package var line: Substring
        package var problem: String
        package var description: String { "\(self.problem): \(self.line)" }
    }

    package struct Sample: Sendable {
        package var name: String
        package var labels: [String: String]
        package var value: Double
    }

    private var types: [String: String] = [:]
    private var current = ""
    private var seen: Set<String> = []
    private var samples: [Sample] = []

    package static func check(_ text: String) throws -> [Sample] {
        var grammar = Self()
        guard text.isEmpty || text.hasSuffix("\n") else {
            throw Violation(line: "", problem: "the last line has no end")
        }
        for line in text.split(separator: "\n") { try grammar.read(line) }
        try grammar.checkHistograms()
        return grammar.samples
    }

    private mutating func read(_ line: Substring) throws {
        func violation(_ problem: String) -> Violation { Violation(line: line, problem: problem) }
        if line.hasPrefix("# HELP ") { return }
        if line.hasPrefix("# TYPE ") {
            let words = line.split(separator: " ")
            guard words.count == 4, Self.isName(words[2]) else { throw violation("no type") }
            guard self.types.updateValue(String(words[3]), forKey: String(words[2])) == nil else {
                throw violation("its type was said already")
            }
            guard words[3] != "counter" || words[2].hasSuffix("_total") else {
                throw violation("a counter's name ends with _total")
            }
            self.current = String(words[2])
            return
        }
        guard let match = line.wholeMatch(of: /([^{ ]+)(?:\{(.*)\})? ([^ ]+)/) else {
            throw violation("no sample")
        }
        guard Self.isName(match.1), self.belongs(String(match.1)) else {
            throw violation("it stands among another family")
        }
        let labels = try match.2.map { try Self.labels($0, line) } ?? [:]
        let number = match.3 == "+Inf" ? Double.infinity : Double(match.3)
        guard let value = number else { throw violation("no number") }
        guard self.seen.insert("\(match.1) \(labels.sorted { $0.key < $1.key })").inserted else {
            throw violation("it is there twice")
        }
        self.samples.append(Sample(name: String(match.1), labels: labels, value: value))
    }

    private func belongs(_ name: String) -> Bool {
        guard self.types[self.current] == "histogram" else { return name == self.current }
        return ["_bucket", "_sum", "_count"].contains { name == self.current + $0 }
    }

    private static func isName(_ text: Substring) -> Bool {
        text.wholeMatch(of: /[a-zA-Z_:][a-zA-Z0-9_:]*/) != nil
    }

    private static func labels(_ text: Substring, _ line: Substring) throws -> [String: String] {
        var labels: [String: String] = [:]
        var rest = text
        while !rest.isEmpty {
            guard let match = rest.prefixMatch(of: /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)",?/)
            else { throw Violation(line: line, problem: "no label") }
            var value = ""
            var isEscaped = false
            for character in match.2 {
                if isEscaped {
                    value.append(character == "n" ? "\n" : character)
                    isEscaped = false
                } else if character == "\\" {
                    isEscaped = true
                } else {
                    value.append(character)
                }
            }
            guard labels.updateValue(value, forKey: String(match.1)) == nil else {
                throw Violation(line: line, problem: "a label twice")
            }
            rest = rest[match.range.upperBound...]
        }
        return labels
    }

    /// Buckets rise to `+Inf`, which is the count.
    private func checkHistograms() throws {
        for name in self.types.filter({ $0.value == "histogram" }).keys {
            var last: [[String: String]: Sample] = [:]
            for sample in self.samples where sample.name == "\(name)_bucket" {
                var labels = sample.labels
                labels["le"] = nil
                if let before = last[labels], before.value > sample.value {
                    throw Violation(line: Substring(name), problem: "its buckets fall")
                }
                last[labels] = sample
            }
            for sample in self.samples where sample.name == "\(name)_count" {
                let bucket = last[sample.labels]
                guard bucket?.labels["le"] == "+Inf", bucket?.value == sample.value else {
                    throw Violation(line: Substring(name), problem: "+Inf is not the count")
                }
            }
        }
    }
}
