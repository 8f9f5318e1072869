/// Metrics of one name: what they measure, and one sample for each set of labels.
package struct MetricFamily: Hashable, Sendable {
    package enum Kind: String, Hashable, Sendable {
        case counter, gauge, histogram
    }

    package let name: String
    package let kind: Kind
    /// One sentence for operators.
    package let help: String
    package internal(set) var samples: [MetricSample]
}

/// One measurement.
package struct MetricSample: Hashable, Sendable {
    package enum Value: Hashable, Sendable {
        case integer(Int64)
        case number(Double)
        case histogram(Histogram)
    }

    package var labels: [MetricLabel]
    package var value: Value

    package init(_ value: Value, _ labels: MetricLabel...) {
        self.labels = labels
        self.value = value
    }

    package init(_ value: some BinaryInteger, _ labels: MetricLabel...) {
        self.labels = labels
        self.value = .integer(Int64(clamping: value))
    }
}

/// What tells the samples of one family apart.
package struct MetricLabel: Hashable, Sendable {
    package var name: String
    package var value: String

    package init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

/// Everything that a server tells at one moment, in the order in which it is printed.
package struct MetricPage: Hashable, Sendable {
    package private(set) var families: [MetricFamily] = []

    package init() {}

    package mutating func gauge(_ name: String, _ help: String, _ samples: MetricSample...) {
        self.add(.gauge, name, help, samples)
    }

    package mutating func counter(_ name: String, _ help: String, _ samples: MetricSample...) {
        self.add(.counter, name, help, samples)
    }

    package mutating func histogram(_ name: String, _ help: String, _ samples: MetricSample...) {
        self.add(.histogram, name, help, samples)
    }

    /// A family without samples is left out. Samples of a name that is there already join it.
    package mutating func add(
        _ kind: MetricFamily.Kind, _ name: String, _ help: String, _ samples: [MetricSample]
    ) {
        guard !samples.isEmpty else { return }
        if let index = self.families.firstIndex(where: { $0.name == name }) {
            self.families[index].samples += samples
        } else {
            self.families.append(
                MetricFamily(name: name, kind: kind, help: help, samples: samples))
        }
    }

    package mutating func append(_ page: MetricPage) {
        for family in page.families {
            self.add(family.kind, family.name, family.help, family.samples)
        }
    }

    /// Every sample says who it comes from, before what it says of itself.
    package func labelled(_ labels: [MetricLabel]) -> MetricPage {
        var page = self
        for family in page.families.indices {
            for sample in page.families[family].samples.indices {
                page.families[family].samples[sample].labels.insert(contentsOf: labels, at: 0)
            }
        }
        return page
    }
}
