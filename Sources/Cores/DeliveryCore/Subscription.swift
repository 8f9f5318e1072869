/// What a group wants of one topic.
package struct Subscription: Hashable, Sendable {
    package var topic: String
    package var expression: String
    /// `TAG` or `SQL92`.
    package var expressionType: String
    /// Empty means every message.
    package var tagHashes: Set<Int32>
    package var tags: [String]
    /// Milliseconds at which the client made it; the newer one of two is right.
    package var version: Int64

    package init(
        topic: String, expression: String = "*", expressionType: String = "TAG",
        tagHashes: Set<Int32> = [], tags: [String] = [], version: Int64 = 0
    ) {
        self.topic = topic
        self.expression = expression
        self.expressionType = expressionType
        self.tagHashes = tagHashes
        self.tags = tags
        self.version = version
    }

    /// Decided from the index alone, so tags whose hashes collide pass: clients look again.
    package func matches(tagHash: Int32) -> Bool {
        self.tagHashes.isEmpty || self.tagHashes.contains(tagHash)
    }

    /// About how much memory its texts and tags take: a stranger says how long they are.
    package var textBytes: Int {
        let tags = self.tags.reduce(0) { $0 + 32 + $1.utf8.count }
        return self.topic.utf8.count + 2 * self.expression.utf8.count + tags
            + 32 * self.tagHashes.count
    }

    /// About how much memory it takes with what belongs to it.
    var bytes: Int { 256 + self.textBytes }

    /// Whether both select the same messages, whenever they were made.
    func selectsSame(as other: Self) -> Bool {
        self.expression == other.expression && self.expressionType == other.expressionType
            && self.tagHashes == other.tagHashes
    }
}
