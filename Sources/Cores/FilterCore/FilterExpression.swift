/// A filter on message properties in RocketMQ's dialect of SQL92 (`flows.md` §6).
///
/// Parsed once, when a consumer subscribes, into a short program; evaluated for every message,
/// straight over the stored properties, without an allocation for what the filter does not name.
/// Both are bounded: the text by `Limits`, an evaluation by the program and the properties' bytes.
package struct FilterExpression: Sendable {
    /// What a filter may be at most. More is refused as a mistake in the expression.
    package enum Limits {
        package static let bytesMax = 16 << 10
        /// Parentheses and signs inside each other.
        package static let depthMax = 64
        /// Operators, values, names, and elements of lists.
        package static let nodesMax = 4_096
        /// Each looks through a whole property.
        package static let searchesMax = 64
    }

    package let text: String
    private let program: FilterProgram

    package static func parse(_ text: String) throws(FilterSyntaxError) -> Self {
        let tokens = try FilterTokens.all(of: text)
        var parser = FilterParser(tokens: tokens, text: text)
        return Self(text: text, program: try parser.parse())
    }

    /// Whether the message with these properties, as they are stored, passes.
    package func matches(_ properties: UnsafeRawBufferPointer) -> Bool {
        self.evaluate(properties) == .isTrue
    }

    /// What the expression comes to. Only `isTrue` passes.
    package func evaluate(_ properties: UnsafeRawBufferPointer) -> FilterResult {
        self.program.run(over: properties)
    }
}

extension FilterExpression: Hashable {
    package static func == (left: Self, right: Self) -> Bool {
        left.text.utf8.elementsEqual(right.text.utf8)
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(self.text) }
}

package enum FilterResult: Hashable, Sendable {
    case isTrue
    case isFalse
    /// The third truth value: it depends on a property that the message does not have.
    case unknown
    /// A value could not be converted to what it is compared with.
    case failed
}

/// Where an expression stops making sense, and what would have made sense there.
package struct FilterSyntaxError: Error, Hashable, CustomStringConvertible {
    /// Counts the text's characters (Unicode scalars), from 1.
    package var column: Int
    package var expected: String
    package var found: String

    package init(column: Int, expected: String, found: String) {
        self.column = column
        self.expected = expected
        self.found = found
    }

    package var description: String {
        "column \(self.column): expected \(self.expected), found \(self.found)"
    }
}
