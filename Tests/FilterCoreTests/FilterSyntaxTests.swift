import FilterCore
import Testing

@Suite("Mistakes in SQL92 filters")
struct FilterSyntaxTests {
    /// Expression, column, part of what was expected, what was found.
    static let mistakes: [(String, Int, String, String)] = [
        ("", 1, "a value", "the end"),
        ("  ", 3, "a value", "the end"),
        ("a =", 4, "a value", "the end"),
        ("a = 1 AND", 10, "a value", "the end"),
        ("a = 1 b", 7, "AND, OR or the end", "`b`"),
        ("a == 1", 4, "a value", "`=`"),
        ("a != 1", 3, "an operator", "`!`"),
        ("a = 'open", 10, "a closing quote", "the end"),
        ("a = /* open", 12, "*/", "the end"),
        ("(a = 1", 7, "an operator or )", "the end"),
        ("a = 1)", 6, "AND, OR or the end", "`)`"),
        ("a IS 1", 6, "NULL or NOT NULL", "`1`"),
        ("a IS NOT 1", 10, "NULL", "`1`"),
        ("a NOT = 1", 7, "BETWEEN, IN", "`=`"),
        ("a IN 'x'", 6, "(", "`'x'`"),
        ("a IN ()", 7, "a text in quotes", "`)`"),
        ("a IN (1)", 7, "a text in quotes", "`1`"),
        ("a IN ('x' 'y')", 11, ", or )", "`'y'`"),
        ("1 IN ('x')", 1, "a property", "`1`"),
        ("a CONTAINS b", 12, "a text in quotes", "`b`"),
        ("'x' CONTAINS 'x'", 1, "a property", "`'x'`"),
        ("a BETWEEN 1 OR 2", 13, "AND", "`OR`"),
        ("a BETWEEN 2 AND 1", 17, "not below the first", "`1`"),
        ("a > 'x'", 5, "a number or a property", "`'x'`"),
        ("TRUE < a", 1, "a number or a property", "`TRUE`"),
        ("a > (b = 1)", 6, "a number or a property", "`b`"),
        ("a = NULL", 5, "IS", "`NULL`"),
        ("NULL <> a", 1, "IS", "`NULL`"),
        ("TRUE = 1", 8, "TRUE or FALSE", "`1`"),
        ("1", 1, "a condition", "`1`"),
        ("'x' OR TRUE", 1, "a condition", "`'x'`"),
        ("TRUE AND -a", 10, "a condition", "`-`"),
        ("NOT 1", 5, "a condition", "`1`"),
        ("a = 9223372036854775808", 5, "64 bits", "`9223372036854775808`"),
        ("a = -9223372036854775809", 6, "64 bits", "`9`"),
        ("a = -(-9223372036854775808)", 5, "64 bits", "`-`"),
        ("a = 1e999", 5, "double", "`1`"),
        ("a = 12abc", 7, "AND, OR or the end", "`abc`"),
        ("雨燕 = 1", 1, "a name", "`雨`"),
        ("a = '雨燕' AND ?", 14, "an operator", "`?`"),
        ("between = 1", 1, "a value", "`between`"),
    ]

    @Test("a mistake is reported where it is, with what was expected", arguments: mistakes)
    func reports(text: String, column: Int, expected: String, found: String) {
        let error = #expect(throws: FilterSyntaxError.self) { try FilterExpression.parse(text) }
        #expect(error?.column == column, "\(text): \(error?.description ?? "")")
        #expect(error?.expected.contains(expected) == true, "\(text): \(error?.expected ?? "")")
        #expect(error?.found == found)
    }

    @Test("depth, size and searches have limits")
    func limits() throws {
        func nested(_ levels: Int) -> String {
            String(repeating: "(", count: levels) + "a=1" + String(repeating: ")", count: levels)
        }
        _ = try FilterExpression.parse(nested(63))
        #expect(throws: FilterSyntaxError.self) { try FilterExpression.parse(nested(64)) }
        #expect(throws: FilterSyntaxError.self) {
            try FilterExpression.parse(String(repeating: "NOT ", count: 64) + "a")
        }
        #expect(throws: FilterSyntaxError.self) {
            try FilterExpression.parse("a = '" + String(repeating: "x", count: 16 << 10) + "'")
        }
        #expect(throws: FilterSyntaxError.self) {
            try FilterExpression.parse(
                "a IN (" + Array(repeating: "''", count: 4_096).joined(separator: ",") + ")")
        }
        let search = Array(repeating: "a CONTAINS 'x'", count: 64)
        _ = try FilterExpression.parse(search.joined(separator: " OR "))
        #expect(throws: FilterSyntaxError.self) {
            try FilterExpression.parse((search + ["a ENDSWITH 'x'"]).joined(separator: " OR "))
        }
        // Operators in a row are no depth.
        _ = try FilterExpression.parse(
            Array(repeating: "a=1", count: 1_000).joined(separator: " OR "))
    }

    @Test("neither random bytes nor random words trap", arguments: 1...8)
    func fuzz(seed: UInt64) {
        var random = SplitMix(state: seed)
        let words = [
            "a", "b", "AND", "OR", "NOT", "(", ")", "=", "<>", "<", ">=", "IS", "NULL", "TRUE",
            "IN", "BETWEEN", "CONTAINS", "ENDSWITH", "'x'", "'", "1", "-", "+", "1.5", ",", "--",
            "/*", "*/", "9223372036854775808", "\n", "é",
        ]
        for _ in 0..<2_000 {
            let bytes = (0..<Int.random(in: 0..<40, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            let chosen = (0..<Int.random(in: 0..<12, using: &random)).map { _ in
                words.randomElement(using: &random)!
            }
            let texts = [String(decoding: bytes, as: UTF8.self), chosen.joined(separator: " ")]
            for text in texts {
                guard let filter = try? FilterExpression.parse(text) else { continue }
                _ = bytes.withUnsafeBytes { filter.evaluate($0) }
            }
            // A good filter over whatever is stored.
            let soup = (0..<60).map { _ in
                [1, 2, 97, 98, 49, 46, 45, 255].randomElement(using: &random)! as UInt8
            }
            _ = try? evaluate("a = 1 OR b < a OR a CONTAINS 'b' OR b > 1.5", over: soup)
        }
    }
}
