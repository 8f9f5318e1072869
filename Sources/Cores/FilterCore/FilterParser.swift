/// Turns words into a program.
///
/// Weakest first: OR; AND; `=`, `<>`, IS; the other comparisons; signs and NOT. So `NOT a = 1`
/// negates `a`, as it does for RocketMQ. Recursion is bounded by the depth that is allowed.
struct FilterParser {
    /// What a part of the expression is, to tell what may be done with it.
    struct Operand {
        enum Kind {
            case constant(FilterProgram.Constant)
            case property
            case condition
            case number
        }

        var kind: Kind
        var start: Int
    }

    private let tokens: [FilterToken]
    private let text: String
    private var at = 0
    private var depth = 0
    private var program = FilterProgram()

    init(tokens: [FilterToken], text: String) {
        self.tokens = tokens
        self.text = text
    }

    mutating func parse() throws(FilterSyntaxError) -> FilterProgram {
        try self.makeCondition(try self.disjunction())
        guard self.kind == .end else { throw self.unexpected("AND, OR or the end") }
        self.program.finish()
        return self.program
    }

    private mutating func disjunction() throws(FilterSyntaxError) -> Operand {
        var left = try self.conjunction()
        while self.take(.or) {
            try self.makeCondition(left)
            let jump = try self.emit(.jumpIfTrue(to: 0))
            try self.makeCondition(try self.conjunction())
            try self.emit(.or)
            self.program.land(jump)
            left.kind = .condition
        }
        return left
    }

    private mutating func conjunction() throws(FilterSyntaxError) -> Operand {
        var left = try self.equality()
        while self.take(.and) {
            try self.makeCondition(left)
            let jump = try self.emit(.jumpIfFalse(to: 0))
            try self.makeCondition(try self.equality())
            try self.emit(.and)
            self.program.land(jump)
            left.kind = .condition
        }
        return left
    }

    private mutating func equality() throws(FilterSyntaxError) -> Operand {
        var left = try self.comparison()
        while true {
            if self.take(.equal) {
                try self.equate(left, .equal)
            } else if self.take(.notEqual) {
                try self.equate(left, .notEqual)
            } else if self.take(.is) {
                let isNegated = self.take(.not)
                guard self.take(.null) else {
                    throw self.unexpected(isNegated ? "NULL" : "NULL or NOT NULL")
                }
                try self.emit(.isNull(negated: isNegated))
            } else {
                return left
            }
            left.kind = .condition
        }
    }

    private mutating func equate(
        _ left: Operand, _ comparison: Comparison
    ) throws(FilterSyntaxError) {
        try self.checkEquatable(left)
        let right = try self.comparison()
        try self.checkEquatable(right)
        if left.isBooleanConstant, right.isConstant, !right.isBooleanConstant {
            throw self.error("TRUE or FALSE", at: right.start)
        }
        try self.emit(.compare(comparison))
    }

    private mutating func comparison() throws(FilterSyntaxError) -> Operand {
        var left = try self.unary()
        while let symbol = self.symbol {
            guard try self.compare(left, by: symbol) else { return left }
            left.kind = .condition
        }
        return left
    }

    /// False if what follows is no comparison.
    private mutating func compare(
        _ left: Operand, by kind: FilterToken.Kind
    ) throws(FilterSyntaxError) -> Bool {
        switch kind {
        case .symbol(.less): try self.order(left, .less)
        case .symbol(.lessOrEqual): try self.order(left, .lessOrEqual)
        case .symbol(.greater): try self.order(left, .greater)
        case .symbol(.greaterOrEqual): try self.order(left, .greaterOrEqual)
        case .word(.not): try self.predicate(left, negated: true)
        case .word(.between), .word(.in), .word(.contains), .word(.startsWith), .word(.endsWith):
            try self.predicate(left, negated: false)
        default: return false
        }
        return true
    }

    private mutating func order(
        _ left: Operand, _ comparison: Comparison
    ) throws(FilterSyntaxError) {
        self.at += 1
        try self.checkOrdered(left)
        try self.checkOrdered(try self.unary())
        try self.emit(.compare(comparison))
    }

    private mutating func predicate(
        _ left: Operand, negated: Bool
    ) throws(FilterSyntaxError) {
        if negated { self.at += 1 }
        if self.take(.between) {
            try self.between(left, negated: negated)
        } else if self.take(.in) {
            try self.checkProperty(left)
            try self.isIn(negated: negated)
        } else if let place = self.takeSearch() {
            try self.checkProperty(left)
            try self.search(place, negated: negated)
        } else {
            throw self.unexpected("BETWEEN, IN, CONTAINS, STARTSWITH or ENDSWITH")
        }
    }

    private mutating func between(_ value: Operand, negated: Bool) throws(FilterSyntaxError) {
        try self.checkOrdered(value)
        let low = try self.unary()
        try self.checkOrdered(low)
        guard self.take(.and) else { throw self.unexpected("AND") }
        let high = try self.unary()
        try self.checkOrdered(high)
        if !negated, let low = low.number, let high = high.number, high < low {
            throw self.error("a bound that is not below the first", at: self.tokens[self.at - 1])
        }
        try self.emit(.between(negated: negated))
    }

    private mutating func isIn(negated: Bool) throws(FilterSyntaxError) {
        guard self.take(.open) else { throw self.unexpected("(") }
        let first = self.program.lists.count
        repeat {
            self.program.keepElement(try self.takeText())
            try self.checkSize()
        } while self.take(.comma)
        guard self.take(.close) else { throw self.unexpected(", or )") }
        try self.emit(.isIn(first..<self.program.lists.count, negated: negated))
    }

    private mutating func search(
        _ place: TextSearch.Place, negated: Bool
    ) throws(FilterSyntaxError) {
        let token = self.tokens[self.at]
        let search = TextSearch(try self.takeText(), place)
        try self.emit(.search(search, negated: negated))
        guard self.program.searches <= FilterExpression.Limits.searchesMax else {
            let limit = FilterExpression.Limits.searchesMax
            throw self.error("at most \(limit) CONTAINS, STARTSWITH and ENDSWITH", at: token)
        }
    }

    private mutating func unary() throws(FilterSyntaxError) -> Operand {
        self.depth += 1
        defer { self.depth -= 1 }
        guard self.depth <= FilterExpression.Limits.depthMax else {
            throw self.unexpected("at most \(FilterExpression.Limits.depthMax) levels")
        }
        let start = self.tokens[self.at]
        if self.take(.plus) { return try self.unary() }
        if self.take(.minus) { return try self.negation(start) }
        guard self.take(.not) else { return try self.primary() }
        try self.makeCondition(try self.unary())
        try self.emit(.not)
        return Operand(kind: .condition, start: start.bytes.lowerBound)
    }

    private mutating func negation(_ sign: FilterToken) throws(FilterSyntaxError) -> Operand {
        if case .integer(let magnitude) = self.kind {
            self.at += 1
            return try self.constant(.integer(Int64(truncatingIfNeeded: 0 &- magnitude)), sign)
        }
        var operand = try self.unary()
        operand.start = sign.bytes.lowerBound
        switch operand.kind {
        case .constant(.integer(let value)):
            guard value != .min else { throw self.error("an integer of 64 bits", at: sign) }
            operand.kind = .constant(.integer(-value))
            self.program.replaceLast(by: .integer(-value))
        case .constant(.double(let value)):
            operand.kind = .constant(.double(-value))
            self.program.replaceLast(by: .double(-value))
        default:
            operand.kind = .number
            try self.emit(.negate)
        }
        return operand
    }

    private mutating func primary() throws(FilterSyntaxError) -> Operand {
        let token = self.tokens[self.at]
        switch token.kind {
        case .word(.null): return try self.take(constant: .null, token)
        case .word(.true): return try self.take(constant: .boolean(true), token)
        case .word(.false): return try self.take(constant: .boolean(false), token)
        case .double(let value): return try self.take(constant: .double(value), token)
        case .integer(let magnitude):
            guard let value = Int64(exactly: magnitude) else {
                throw self.error("an integer of 64 bits", at: token)
            }
            return try self.take(constant: .integer(value), token)
        case .text:
            let bytes = self.program.keep(try self.takeText())
            return try self.constant(.text(bytes), token)
        case .name:
            self.at += 1
            self.program.appendProperty(self.string(token))
            try self.checkSize()
            return Operand(kind: .property, start: token.bytes.lowerBound)
        case .symbol(.open): return try self.parenthesized()
        default: throw self.unexpected("a value, a property or (")
        }
    }

    private mutating func parenthesized() throws(FilterSyntaxError) -> Operand {
        self.at += 1
        let inner = try self.disjunction()
        guard self.take(.close) else { throw self.unexpected("an operator or )") }
        return inner
    }
}

// Words.
extension FilterParser {
    private var kind: FilterToken.Kind { self.tokens[self.at].kind }

    /// The next word if it can stand between two operands.
    private var symbol: FilterToken.Kind? {
        switch self.kind {
        case .symbol, .word: self.kind
        default: nil
        }
    }

    private mutating func take(_ keyword: FilterToken.Keyword) -> Bool {
        guard self.kind == .word(keyword) else { return false }
        self.at += 1
        return true
    }

    private mutating func take(_ symbol: FilterToken.Symbol) -> Bool {
        guard self.kind == .symbol(symbol) else { return false }
        self.at += 1
        return true
    }

    private mutating func takeSearch() -> TextSearch.Place? {
        if self.take(.contains) { return .anywhere }
        if self.take(.startsWith) { return .start }
        return self.take(.endsWith) ? .end : nil
    }

    /// A literal text without its quotes.
    private mutating func takeText() throws(FilterSyntaxError) -> [UInt8] {
        let token = self.tokens[self.at]
        guard token.kind == .text else { throw self.unexpected("a text in quotes") }
        self.at += 1
        var bytes: [UInt8] = []
        var isEscaped = false
        for byte in self.string(token).utf8.dropFirst().dropLast() {
            isEscaped = byte == UInt8(ascii: "'") && !isEscaped
            if !isEscaped { bytes.append(byte) }
        }
        return bytes
    }

    private func string(_ token: FilterToken) -> String {
        let utf8 = self.text.utf8
        let start = utf8.index(utf8.startIndex, offsetBy: token.bytes.lowerBound)
        return String(self.text[start..<utf8.index(start, offsetBy: token.bytes.count)])
    }

    private func unexpected(_ expected: String) -> FilterSyntaxError {
        self.error(expected, at: self.tokens[self.at])
    }

    private func error(_ expected: String, at token: FilterToken) -> FilterSyntaxError {
        FilterSyntaxError(expected, in: self.text, foundAt: token.bytes)
    }

    /// At the word that begins at `start`.
    private func error(_ expected: String, at start: Int) -> FilterSyntaxError {
        let token = self.tokens.first { $0.bytes.lowerBound == start }
        return token.map { self.error(expected, at: $0) } ?? self.unexpected(expected)
    }
}

// Code, and what may stand where.
extension FilterParser {
    @discardableResult
    private mutating func emit(
        _ operation: FilterProgram.Operation
    ) throws(FilterSyntaxError) -> Int {
        self.program.append(operation)
        try self.checkSize()
        return self.program.operations.count - 1
    }

    private func checkSize() throws(FilterSyntaxError) {
        guard self.program.isSmallEnough else {
            throw self.unexpected("at most \(FilterExpression.Limits.nodesMax) nodes")
        }
    }

    private mutating func take(
        constant: FilterProgram.Constant, _ token: FilterToken
    ) throws(FilterSyntaxError) -> Operand {
        self.at += 1
        return try self.constant(constant, token)
    }

    private mutating func constant(
        _ constant: FilterProgram.Constant, _ token: FilterToken
    ) throws(FilterSyntaxError) -> Operand {
        try self.emit(.constant(constant))
        return Operand(kind: .constant(constant), start: token.bytes.lowerBound)
    }

    /// The operand, whose code was appended last, is used as a truth value.
    private mutating func makeCondition(_ operand: Operand) throws(FilterSyntaxError) {
        switch operand.kind {
        case .condition, .constant(.boolean), .constant(.null): break
        case .property: try self.emit(.condition)
        case .constant, .number: throw self.error("a condition", at: operand.start)
        }
    }

    private func checkEquatable(_ operand: Operand) throws(FilterSyntaxError) {
        guard case .constant(.null) = operand.kind else { return }
        throw self.error("a value (NULL needs IS)", at: operand.start)
    }

    private func checkOrdered(_ operand: Operand) throws(FilterSyntaxError) {
        switch operand.kind {
        case .constant(.integer), .constant(.double), .property, .number: break
        case .constant, .condition: throw self.error("a number or a property", at: operand.start)
        }
    }

    private func checkProperty(_ operand: Operand) throws(FilterSyntaxError) {
        guard case .property = operand.kind else {
            throw self.error("a property", at: operand.start)
        }
    }
}

extension FilterParser.Operand {
    fileprivate var isConstant: Bool {
        if case .constant = self.kind { true } else { false }
    }

    fileprivate var isBooleanConstant: Bool {
        if case .constant(.boolean) = self.kind { true } else { false }
    }

    /// A constant number's value.
    fileprivate var number: Double? {
        switch self.kind {
        case .constant(.integer(let value)): Double(value)
        case .constant(.double(let value)): value
        default: nil
        }
    }
}
