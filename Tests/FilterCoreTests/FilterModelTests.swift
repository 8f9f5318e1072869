import FilterCore
import Testing

/// Method: a random expression is built as a tree, evaluated naively over a dictionary, written
/// down with all its parentheses, parsed and evaluated. Both must agree, failures included.
@Suite("SQL92 filters against a model")
struct FilterModelTests {
    @Test("program and model agree", arguments: 1...20)
    func agrees(seed: UInt64) throws {
        var random = SplitMix(state: seed)
        var seen: Set<FilterResult> = []
        for _ in 0..<500 {
            let tree = Tree.random(depth: Int.random(in: 0...4, using: &random), &random)
            var properties: [(String, String)] = []
            for name in Tree.names where Bool.random(using: &random) {
                properties.append((name, Tree.values.randomElement(using: &random)!))
            }
            let wanted = tree.result(Dictionary(uniqueKeysWithValues: properties))
            let found = try evaluate(tree.text, over: stored(properties))
            #expect(found == wanted, "seed \(seed): \(tree.text) over \(properties)")
            seen.insert(wanted)
        }
        #expect(seen.count == 4)
    }
}

private struct Failure: Error {}

private indirect enum Tree {
    case comparison(String, String, String)
    case isNull(String, Bool)
    case between(String, Int, Int, Bool)
    case isIn(String, [String], Bool)
    case search(String, String, String, Bool)
    case literal(Bool?)
    case and(Tree, Tree)
    case or(Tree, Tree)
    case not(Tree)

    static let names = ["a", "bb", "c1"]
    static let values = ["1", "2", "1.5", "-3", "x", "xyx", "true", "it's"]
    /// A name, a number or a text in quotes.
    static let operands = ["a", "bb", "c1", "1", "2", "1.5", "-3", "'x'", "'1'", "'it''s'", "TRUE"]

    static func random(depth: Int, _ random: inout SplitMix) -> Tree {
        let name = Self.names.randomElement(using: &random)!
        let negated = Bool.random(using: &random)
        guard depth > 0 else {
            switch Int.random(in: 0..<6, using: &random) {
            case 0: return .isNull(name, negated)
            case 1:
                let low = Int.random(in: -4...2, using: &random)
                return .between(name, low, low + Int.random(in: 0...3, using: &random), negated)
            case 2: return .isIn(name, Array(values.shuffled(using: &random).prefix(3)), negated)
            case 3:
                let kind = ["CONTAINS", "STARTSWITH", "ENDSWITH"].randomElement(using: &random)!
                return .search(
                    name, kind, ["x", "yx", "xx", ""].randomElement(using: &random)!, negated)
            case 4: return .literal([true, false, nil].randomElement(using: &random)!)
            default:
                let symbol = ["=", "<>", "<", "<=", ">", ">="].randomElement(using: &random)!
                let isOrder = symbol != "=" && symbol != "<>"
                let right = operands.filter { !isOrder || !($0.hasPrefix("'") || $0 == "TRUE") }
                return .comparison(name, symbol, right.randomElement(using: &random)!)
            }
        }
        let left = Self.random(depth: depth - 1, &random)
        switch Int.random(in: 0..<3, using: &random) {
        case 0: return .and(left, Self.random(depth: depth - 1, &random))
        case 1: return .or(left, Self.random(depth: depth - 1, &random))
        default: return .not(left)
        }
    }

    var text: String {
        switch self {
        case .comparison(let left, let symbol, let right): "\(left)\(symbol) \(right)"
        case .isNull(let name, let negated): "\(name) IS \(negated ? "NOT " : "")NULL"
        case .between(let name, let low, let high, let negated):
            "\(name) \(negated ? "NOT " : "")BETWEEN \(low) AND \(high)"
        case .isIn(let name, let list, let negated):
            "\(name) \(negated ? "NOT " : "")IN (\(list.map(Self.quoted).joined(separator: ",")))"
        case .search(let name, let kind, let wanted, let negated):
            "\(name) \(negated ? "NOT " : "")\(kind) \(Self.quoted(wanted))"
        case .literal(let value): value.map { $0 ? "TRUE" : "FALSE" } ?? "NULL"
        case .and(let left, let right): "(\(left.text)) AND (\(right.text))"
        case .or(let left, let right): "(\(left.text)) OR (\(right.text))"
        case .not(let tree): "NOT (\(tree.text))"
        }
    }

    static func quoted(_ text: String) -> String {
        "'" + text.map { $0 == "'" ? "''" : String($0) }.joined() + "'"
    }

    func result(_ properties: [String: String]) -> FilterResult {
        do {
            return try self.value(properties).map { $0 ? .isTrue : .isFalse } ?? .unknown
        } catch {
            return .failed
        }
    }

    private func value(_ properties: [String: String]) throws -> Bool? {
        switch self {
        case .literal(let value): return value
        case .not(let tree): return try tree.value(properties).map { !$0 }
        case .and(let left, let right):
            let left = try left.value(properties)
            if left == false { return false }
            let right = try right.value(properties)
            return right == false ? false : left == nil || right == nil ? nil : true
        case .or(let left, let right):
            let left = try left.value(properties)
            if left == true { return true }
            let right = try right.value(properties)
            return right == true ? true : left == nil || right == nil ? nil : false
        case .isNull(let name, let negated): return (properties[name] == nil) != negated
        case .isIn(let name, let list, let negated):
            return properties[name].map { list.contains($0) != negated }
        case .search(let name, let kind, let wanted, let negated):
            guard let text = properties[name], !wanted.isEmpty else { return false }
            let isFound =
                switch kind {
                case "STARTSWITH": text.hasPrefix(wanted)
                case "ENDSWITH": text.hasSuffix(wanted)
                default: text.indices.contains { text[$0...].hasPrefix(wanted) }
                }
            return isFound != negated
        case .between(let name, let low, let high, let negated):
            guard let text = properties[name] else { return nil }
            guard let value = Int(text) else { throw Failure() }
            return (low...high).contains(value) != negated
        case .comparison(let left, let symbol, let right):
            guard let text = properties[left] else { return nil }
            return try Self.compare(text, symbol, right, properties)
        }
    }

    private static func compare(
        _ text: String, _ symbol: String, _ right: String, _ properties: [String: String]
    ) throws -> Bool? {
        if right == "TRUE" { return (text == "true") == (symbol == "=") }
        let isName = Self.names.contains(right)
        if isName || right.hasPrefix("'") {
            let literal = right == "'it''s'" ? "it's" : String(right.dropFirst().dropLast())
            guard let other = isName ? properties[right] : literal else { return nil }
            if symbol == "=" || symbol == "<>" { return (text == other) == (symbol == "=") }
            return Self.holds(try Self.double(text), symbol, try Self.double(other))
        }
        if right == "1.5" { return Self.holds(try Self.double(text), symbol, 1.5) }
        guard let value = Int(text) else { throw Failure() }
        return Self.holds(Double(value), symbol, Double(right)!)
    }

    private static func double(_ text: String) throws -> Double {
        guard let value = Double(text) else { throw Failure() }
        return value
    }

    private static func holds(_ left: Double, _ symbol: String, _ right: Double) -> Bool {
        switch symbol {
        case "=": left == right
        case "<>": left != right
        case "<": left < right
        case "<=": left <= right
        case ">": left > right
        default: left >= right
        }
    }
}
