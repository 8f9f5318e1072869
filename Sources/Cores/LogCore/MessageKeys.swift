package import MessageFormat

/// The properties by which a broker files a message, found in one pass over their bytes.
///
/// Borrowed: valid as long as the bytes are.
package struct MessageKeys {
    package private(set) var tag: UnsafeRawBufferPointer?
    package private(set) var keys: UnsafeRawBufferPointer?
    package private(set) var uniqueKey: UnsafeRawBufferPointer?
    /// The producer numbers its messages and promises what it will not send again.
    package private(set) var isStamped = false
    private var dueAt: UnsafeRawBufferPointer?

    package init(of message: StoredMessageView) { self.init(message.propertiesBytes) }

    package init(_ properties: UnsafeRawBufferPointer) {
        PropertyScan.forEach(in: properties) { name, value in
            switch name.count {
            case 4 where PropertyScan.equal(name, "TAGS"): self.tag = value
            case 4 where PropertyScan.equal(name, "KEYS"): self.keys = value
            case 8 where PropertyScan.equal(name, "UNIQ_KEY"): self.uniqueKey = value
            case 12 where PropertyScan.equal(name, "TIMER_OUT_MS"): self.dueAt = value
            case 13 where PropertyScan.equal(name, "APUS_SEQ_DONE"): self.isStamped = true
            default: break
            }
        }
    }

    package var tagHash: Int32 {
        guard let tag = self.tag else { return 0 }
        // The hash runs over UTF-16; for ASCII that is the bytes.
        if tag.allSatisfy({ $0 < 128 }) {
            return tag.reduce(0) { hash, byte in 31 &* hash &+ Int32(byte) }
        }
        return TagHash.of(String(decoding: tag, as: UTF8.self))
    }

    /// What the index says of a message beside its place: the hash of its tag; in the timer topic,
    /// the time from its storing to its delivery (`DelayField`).
    package func filingHash(
        topic: UnsafeRawBufferPointer, storeTimestamp: Timestamp
    ) -> Int32 {
        guard PropertyScan.equal(topic, "rmq_sys_wheel_timer") else { return self.tagHash }
        let dueAt = self.dueAt.flatMap { Int64(String(decoding: $0, as: UTF8.self)) }
        return DelayField.tagHash(
            due: dueAt.map { Timestamp(milliseconds: $0) } ?? storeTimestamp,
            storedAt: storeTimestamp)
    }

    /// Words of one message's `KEYS` that are filed. Each costs memory until its segment is full, ten
    /// and more times what it took to send it.
    package static let wordsMax = 32

    /// Hashes of the unique key and of each word of `KEYS`, for the key index.
    package func hashes(topic: String) -> [UInt64] {
        var hashes: [UInt64] = []
        if let key = self.uniqueKey { hashes.append(KeyIndex.hash(topic: topic, key: key)) }
        guard let words = self.keys else { return hashes }
        let split = words.split(separator: UInt8(ascii: " "), maxSplits: Self.wordsMax)
        for word in split.prefix(Self.wordsMax) {
            let word = UnsafeRawBufferPointer(rebasing: word)
            hashes.append(KeyIndex.hash(topic: topic, key: word))
        }
        return hashes
    }
}
