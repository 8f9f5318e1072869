import MessageFormat

/// Messages that somebody holds an acknowledgement for, and which of them were not found yet.
package struct AcknowledgedMessages: Sendable {
    private var ids: Set<String> = []
    private var places: [QueueKey: Set<Int64>] = [:]
    package private(set) var count = 0

    package init() {}

    /// One message a line: `TOPIC QUEUE OFFSET`, or the id that the producer gave it. Empty lines
    /// and lines that begin with `#` say nothing.
    ///
    /// Returns false for a line of another form.
    package mutating func add(line: Substring) -> Bool {
        let words = line.split { $0 == " " || $0 == "\t" || $0 == "\r" }
        guard let first = words.first, !first.hasPrefix("#") else { return true }
        if words.count == 1 {
            self.count += self.ids.insert(String(first)).inserted ? 1 : 0
            return true
        }
        guard words.count == 3, let queue = Int32(words[1]), let offset = Int64(words[2]) else {
            return false
        }
        let key = QueueKey(topic: String(first), queueID: queue)
        self.count += self.places[key, default: []].insert(offset).inserted ? 1 : 0
        return true
    }

    mutating func found(_ message: StoredMessageView, of key: QueueKey) {
        if !self.places.isEmpty { self.places[key]?.remove(message.queueOffset.value) }
        guard !self.ids.isEmpty, let id = message.properties[PropertyName.uniqueKey] else { return }
        self.ids.remove(id)
    }

    /// What was not found, in words.
    var missing: [String] {
        let places = self.places.sorted { $0.key < $1.key }.flatMap { key, offsets in
            offsets.sorted().map { "the message at offset \($0) of \(key.topic)/\(key.queueID)" }
        }
        return places + self.ids.sorted().map { "the message with the id \($0)" }
    }
}
