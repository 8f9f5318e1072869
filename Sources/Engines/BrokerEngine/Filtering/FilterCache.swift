import FilterCore

/// Filters by the text of their expression: each is parsed once, not with every pull.
///
/// Bounded by two generations: when the younger one is full, the older one is forgotten.
struct FilterCache: Sendable {
    /// Equal texts in the sense of Unicode may be different filters: bytes count.
    private struct Key: Hashable {
        var text: String

        static func == (left: Self, right: Self) -> Bool {
            left.text.utf8.elementsEqual(right.text.utf8)
        }
    }

    /// Expressions together. One has at most `FilterExpression.Limits.bytesMax`.
    private let bytesMax: Int
    private var recent: [Key: FilterExpression] = [:]
    private var earlier: [Key: FilterExpression] = [:]
    private var recentBytes = 0
    private(set) var parsedCount = 0

    init(bytesMax: Int = 1 << 20) { self.bytesMax = bytesMax }

    var count: Int { Set(self.recent.keys).union(self.earlier.keys).count }

    mutating func expression(_ text: String) throws(FilterSyntaxError) -> FilterExpression {
        let key = Key(text: text)
        if let known = self.recent[key] { return known }
        if let known = self.earlier[key] {
            self.keep(known, key)
            return known
        }
        self.parsedCount += 1
        let parsed = try FilterExpression.parse(text)
        self.keep(parsed, key)
        return parsed
    }

    private mutating func keep(_ expression: FilterExpression, _ key: Key) {
        let size = key.text.utf8.count + 64
        if self.recentBytes + size > self.bytesMax {
            self.earlier = exchange(&self.recent, with: [:])
            self.recentBytes = 0
        }
        self.recent[key] = expression
        self.recentBytes += size
    }
}
