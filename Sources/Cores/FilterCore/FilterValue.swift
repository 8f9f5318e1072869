/// What a part of an expression comes to. Texts point into the properties or the program.
enum FilterValue: BitwiseCopyable {
    case null
    case boolean(Bool)
    case integer(Int64)
    case double(Double)
    case text(UnsafeRawBufferPointer)

    /// Nil if a value cannot be converted to the type of the one it is compared with.
    static func compare(_ left: Self, _ comparison: Comparison, _ right: Self) -> Self? {
        switch (left, right) {
        case (.null, _), (_, .null): .null
        case (.text(let left), .text(let right)): Self.compare(left, comparison, right)
        case (.integer(let left), .integer(let right)): .boolean(comparison.holds(left, right))
        case (.integer(let left), .text(let right)):
            NumberText.integer(right).map { .boolean(comparison.holds(left, $0)) }
        case (.text(let left), .integer(let right)):
            NumberText.integer(left).map { .boolean(comparison.holds($0, right)) }
        case (.boolean(let left), .boolean(let right)): Self.equate(left, comparison, right)
        case (.boolean(let left), .text(let right)):
            Self.equate(left, comparison, Self.isTrue(right))
        case (.text(let left), .boolean(let right)):
            Self.equate(Self.isTrue(left), comparison, right)
        case (.boolean, _), (_, .boolean): .boolean(comparison == .notEqual)
        case (.double, _), (_, .double): Self.compareDoubles(left, comparison, right)
        }
    }

    private static func compare(
        _ left: UnsafeRawBufferPointer, _ comparison: Comparison, _ right: UnsafeRawBufferPointer
    ) -> Self? {
        if comparison.isEquality {
            let isSame = left.count == right.count && left.elementsEqual(right)
            return .boolean(isSame == (comparison == .equal))
        }
        guard let left = NumberText.double(left), let right = NumberText.double(right) else {
            return nil
        }
        return .boolean(comparison.holds(left, right))
    }

    private static func equate(_ left: Bool, _ comparison: Comparison, _ right: Bool) -> Self? {
        comparison.isEquality ? .boolean((left == right) == (comparison == .equal)) : nil
    }

    private static func compareDoubles(
        _ left: Self, _ comparison: Comparison, _ right: Self
    ) -> Self? {
        guard let left = left.asDouble, let right = right.asDouble else { return nil }
        return .boolean(comparison.holds(left, right))
    }

    private var asDouble: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .double(let value): value
        case .text(let text): NumberText.double(text)
        case .null, .boolean: nil
        }
    }

    /// As Java reads a truth value: "true" in any case is true, all else is false.
    private static func isTrue(_ text: UnsafeRawBufferPointer) -> Bool {
        text.count == 4 && zip(text, "true".utf8).allSatisfy { $0 | 0x20 == $1 }
    }

    static func between(_ value: Self, _ low: Self, _ high: Self, negated: Bool) -> Self? {
        let first: Comparison = negated ? .less : .greaterOrEqual
        let second: Comparison = negated ? .greater : .lessOrEqual
        guard let left = Self.compare(value, first, low) else { return nil }
        if case .boolean(negated) = left { return left }
        guard let right = Self.compare(value, second, high) else { return nil }
        return negated ? Self.or(left, right) : Self.and(left, right)
    }

    /// False beats unknown, unknown beats true.
    static func and(_ left: Self, _ right: Self) -> Self {
        switch (left, right) {
        case (.boolean(false), _), (_, .boolean(false)): .boolean(false)
        case (.boolean(true), .boolean(true)): .boolean(true)
        default: .null
        }
    }

    /// True beats unknown, unknown beats false.
    static func or(_ left: Self, _ right: Self) -> Self {
        switch (left, right) {
        case (.boolean(true), _), (_, .boolean(true)): .boolean(true)
        case (.boolean(false), .boolean(false)): .boolean(false)
        default: .null
        }
    }

    /// NOT. Operands are truth values: the parser sees to it.
    var inverted: Self {
        if case .boolean(let value) = self { .boolean(!value) } else { .null }
    }

    /// Only what is a truth value already can be true.
    var condition: Self {
        switch self {
        case .null, .boolean: self
        case .integer, .double, .text: .boolean(false)
        }
    }

    /// Minus. Properties are texts, and a text has no sign.
    var negated: Self {
        switch self {
        case .integer(let value): value == .min ? .null : .integer(-value)
        case .double(let value): .double(-value)
        case .null, .boolean, .text: .null
        }
    }

    var isNull: Bool {
        if case .null = self { true } else { false }
    }
}
