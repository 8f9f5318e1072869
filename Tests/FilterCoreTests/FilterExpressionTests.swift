import FilterCore
import Testing

@Suite("SQL92 filters")
struct FilterExpressionTests {
    /// `n` is a number, `s` a text, `b` a truth value, `x` is missing.
    static let properties = stored([("n", "10"), ("s", "blue"), ("b", "true"), ("f", "2.5")])

    static let comparisons: [(String, FilterResult)] = [
        // Numbers.
        ("n = 10", .isTrue), ("n = 11", .isFalse), ("n <> 11", .isTrue), ("n <> 10", .isFalse),
        ("n < 10", .isFalse), ("n <= 10", .isTrue), ("n > 9", .isTrue), ("n >= 11", .isFalse),
        ("10 = n", .isTrue), ("9 < n", .isTrue), ("n = 10.0", .isTrue), ("f > 2.4", .isTrue),
        ("f = 25e-1", .isTrue), ("n > -1", .isTrue), ("n = +10", .isTrue), ("n = - -10", .isTrue),
        ("1 < 2", .isTrue), ("1 = 1.0", .isTrue), ("2 > 2.5", .isFalse), ("5L = 5", .isTrue),
        (".5 < 1.", .isTrue), ("n = 010", .isTrue),
        // A text that is no number of that type.
        ("f > 2", .failed), ("f = 2", .failed), ("s = 1", .failed), ("s <> 1", .failed),
        ("1 < s", .failed), ("s > 1.5", .failed), ("b < 1", .failed),
        // Texts.
        ("s = 'blue'", .isTrue), ("s <> 'blue'", .isFalse), ("s = 'Blue'", .isFalse),
        ("n = '10'", .isTrue), ("n = '10.0'", .isFalse), ("'a' = 'a'", .isTrue),
        ("1 = '1'", .isTrue), ("s = s", .isTrue), ("n = s", .isFalse), ("n <> s", .isTrue),
        ("n > f", .isTrue), ("n < f", .isFalse), ("n > s", .failed),
        // Truth values.
        ("b = TRUE", .isTrue), ("b <> true", .isFalse), ("s = TRUE", .isFalse),
        ("s = FALSE", .isTrue), ("TRUE = b", .isTrue), ("TRUE = TRUE", .isTrue),
        ("1 = TRUE", .isFalse), ("1 <> TRUE", .isTrue), ("(n = 10) = TRUE", .isTrue),
        ("(n = 10) = (n = 11)", .isFalse), ("(n = 10) = b", .isTrue), ("(n = 10) = 1", .isFalse),
        // Nothing to compare with.
        ("x = 1", .unknown), ("x <> 1", .unknown), ("1 = x", .unknown), ("x = x", .unknown),
        ("x = 'a'", .unknown), ("x = TRUE", .unknown), ("x < 1", .unknown), ("x >= 1", .unknown),
        ("x < n", .unknown), ("s > x", .unknown), ("-n = 1", .unknown), ("- 's' < 1", .unknown),
    ]

    static let predicates: [(String, FilterResult)] = [
        ("x IS NULL", .isTrue), ("n IS NULL", .isFalse), ("x IS NOT NULL", .isFalse),
        ("n IS NOT NULL", .isTrue), ("NULL IS NULL", .isTrue), ("1 IS NULL", .isFalse),
        ("(x = 1) IS NULL", .isTrue), ("(n = 10) IS NULL", .isFalse),
        ("n BETWEEN 10 AND 20", .isTrue), ("n BETWEEN 1 AND 10", .isTrue),
        ("n BETWEEN 11 AND 20", .isFalse), ("n NOT BETWEEN 11 AND 20", .isTrue),
        ("n NOT BETWEEN 10 AND 20", .isFalse), ("x BETWEEN 1 AND 2", .unknown),
        ("x NOT BETWEEN 1 AND 2", .unknown), ("n BETWEEN x AND 20", .unknown),
        ("n BETWEEN x AND 5", .isFalse), ("n BETWEEN 11 AND x", .isFalse),
        ("n NOT BETWEEN 11 AND x", .isTrue), ("n NOT BETWEEN x AND 5", .isTrue),
        ("s BETWEEN 1 AND 2", .failed), ("f BETWEEN 2.0 AND 3.0", .isTrue),
        ("n BETWEEN -1 AND f", .isFalse), ("n NOT BETWEEN 20 AND 10", .isTrue),
        ("s IN ('red', 'blue')", .isTrue), ("s IN ('red')", .isFalse),
        ("s NOT IN ('red')", .isTrue), ("s NOT IN ('blue')", .isFalse), ("n IN ('10')", .isTrue),
        ("x IN ('a')", .unknown), ("x NOT IN ('a')", .unknown),
        ("s CONTAINS 'lu'", .isTrue), ("s CONTAINS 'ul'", .isFalse),
        ("s NOT CONTAINS 'ul'", .isTrue), ("s NOT CONTAINS 'lu'", .isFalse),
        ("s STARTSWITH 'bl'", .isTrue), ("s STARTSWITH 'lu'", .isFalse),
        ("s NOT STARTSWITH 'lu'", .isTrue), ("s ENDSWITH 'ue'", .isTrue),
        ("s ENDSWITH 'lu'", .isFalse), ("s NOT ENDSWITH 'lu'", .isTrue),
        ("s STARTSWITH 'blue sky'", .isFalse), ("s ENDSWITH 'blue'", .isTrue),
        ("x CONTAINS 'a'", .isFalse), ("x NOT CONTAINS 'a'", .isFalse),
        ("x STARTSWITH 'a'", .isFalse), ("x NOT ENDSWITH 'a'", .isFalse),
        ("s CONTAINS ''", .isFalse), ("s NOT CONTAINS ''", .isFalse),
    ]

    static let logic: [(String, FilterResult)] = [
        ("TRUE AND TRUE", .isTrue), ("TRUE AND FALSE", .isFalse), ("FALSE AND TRUE", .isFalse),
        ("NULL AND TRUE", .unknown), ("TRUE AND NULL", .unknown), ("NULL AND FALSE", .isFalse),
        ("FALSE AND NULL", .isFalse), ("NULL AND NULL", .unknown),
        ("FALSE OR FALSE", .isFalse), ("TRUE OR FALSE", .isTrue), ("FALSE OR TRUE", .isTrue),
        ("NULL OR TRUE", .isTrue), ("TRUE OR NULL", .isTrue), ("NULL OR FALSE", .unknown),
        ("FALSE OR NULL", .unknown), ("NULL OR NULL", .unknown),
        ("NOT TRUE", .isFalse), ("NOT FALSE", .isTrue), ("NOT NULL", .unknown),
        ("NOT NOT TRUE", .isTrue), ("NOT (x = 1)", .unknown),
        // A property alone is a text, not a truth value.
        ("b", .isFalse), ("NOT b", .isTrue), ("x", .unknown), ("b OR TRUE", .isTrue),
        // What does not count any more cannot fail any more; what counts first, can.
        ("TRUE OR s > 1", .isTrue), ("FALSE AND s > 1", .isFalse), ("s > 1 OR TRUE", .failed),
        ("NULL OR s > 1", .failed), ("NOT (s > 1)", .failed),
        // Which operator is stronger.
        ("TRUE OR TRUE AND FALSE", .isTrue), ("(TRUE OR TRUE) AND FALSE", .isFalse),
        ("FALSE AND FALSE OR TRUE", .isTrue), ("NOT TRUE OR TRUE", .isTrue),
        ("NOT b = TRUE", .isTrue), ("n > 5 = TRUE", .isTrue), ("n = 10 IS NULL", .isFalse),
        ("n BETWEEN 1 AND 20 AND s = 'blue'", .isTrue),
    ]

    @Test("a comparison converts the property to the constant's type", arguments: comparisons)
    func converts(text: String, result: FilterResult) throws {
        #expect(try evaluate(text, over: Self.properties) == result, "\(text)")
    }

    @Test("ranges, lists, parts of texts, and what is missing", arguments: predicates)
    func tests(text: String, result: FilterResult) throws {
        #expect(try evaluate(text, over: Self.properties) == result, "\(text)")
    }

    @Test("logic has three values", arguments: logic)
    func decides(text: String, result: FilterResult) throws {
        #expect(try evaluate(text, over: Self.properties) == result, "\(text)")
    }

    @Test("only what is true passes")
    func matches() throws {
        let results = try ["n = 10", "n = 11", "x = 1", "s > 1"].map { text in
            let filter = try FilterExpression.parse(text)
            return Self.properties.withUnsafeBytes { filter.matches($0) }
        }
        #expect(results == [true, false, false, false])
    }

    @Test("keywords have no case, names have one")
    func cases() throws {
        #expect(try evaluate("a Is NoT nUlL aNd A iS Null", ("a", "1")) == .isTrue)
        #expect(try evaluate("_a$1 = 'x' AND $ = 'y'", ("_a$1", "x"), ("$", "y")) == .isTrue)
    }

    @Test("blanks and comments separate words")
    func comments() throws {
        let text = "a/* one\n* two **/=\t1 -- and so on\n OR\r\n/**/ FALSE --"
        #expect(try evaluate(text, ("a", "1")) == .isTrue)
        #expect(try evaluate("a='--' OR a='/*'", ("a", "/*")) == .isTrue)
    }

    @Test("a doubled quote is a quote")
    func quotes() throws {
        #expect(try evaluate("a = 'it''s'", ("a", "it's")) == .isTrue)
        #expect(try evaluate("a = ''''", ("a", "'")) == .isTrue)
        #expect(try evaluate("a IN ('', '''')", ("a", "'")) == .isTrue)
        #expect(try evaluate("a = 'Grüße 雨燕'", ("a", "Grüße 雨燕")) == .isTrue)
    }

    @Test("numbers reach from the smallest to the largest of 64 bits")
    func numbers() throws {
        #expect(try evaluate("a = 9223372036854775807", ("a", "9223372036854775807")) == .isTrue)
        #expect(try evaluate("a = -9223372036854775808", ("a", "-9223372036854775808")) == .isTrue)
        #expect(try evaluate("a < 1", ("a", "9223372036854775808")) == .failed)
        #expect(try evaluate("a > 1.5", ("a", "9223372036854775808")) == .isTrue)
        #expect(try evaluate("a > 1.5", ("a", " 1e3 ")) == .isTrue)
        #expect(try evaluate("a = 0.1", ("a", "0.1")) == .isTrue)
        #expect(try evaluate("a = 0.1", ("a", "0.1000000000000000055511151231257827")) == .isTrue)
        for bad in ["-", "+", ".", "1 2", "0x10", "1e", "1e+", "nan", "inf", "1.5f", "١"] {
            #expect(try evaluate("a < 1.5 OR TRUE", ("a", bad)) == .failed, "\(bad)")
        }
        let long = String(repeating: "1", count: 129)
        #expect(try evaluate("a > 1.5", ("a", long)) == .failed)
    }

    @Test("stored properties are read as clients read them")
    func storedForm() throws {
        // The last separator is missing; a pair without value or name or separator; two values.
        let properties = Array("a\u{1}1\u{2}a\u{1}\u{2}\u{1}z\u{2}a\u{2}b\u{1}2\u{2}b\u{1}3".utf8)
        #expect(try evaluate("a = 1 AND b = 3", over: properties) == .isTrue)
        #expect(try evaluate("a = 1", over: []) == .unknown)
        #expect(try evaluate("a = 'x\u{1}y'", over: Array("a\u{1}x\u{1}y\u{2}".utf8)) == .isTrue)
    }

    @Test("many names are told apart")
    func manyNames() throws {
        let names = (0..<200).map { "p\($0)" }
        let text = names.map { "\($0) = '\($0)'" }.joined(separator: " AND ")
        let pairs = names.shuffled().map { ($0, $0) }
        #expect(try evaluate(text, over: stored(pairs)) == .isTrue)
        #expect(try evaluate(text, over: stored(pairs.dropLast())) == .unknown)
    }
}
