package import MessageFormat

/// A message under one of its keys.
package struct KeyEntry: Hashable, Sendable {
    package var hash: UInt64
    package var entry: IndexEntry

    package init(hash: UInt64, entry: IndexEntry) {
        self.hash = hash
        self.entry = entry
    }
}

/// Keys of the messages in the segments that have no index file yet.
///
/// Appending is all that a send pays; a query walks the list. Sealed segments are asked through
/// their index files. A hash only narrows the search: who asks compares topic and key.
package struct KeyIndex: Sendable {
    private var bySegment: [PhysicalOffset: [KeyEntry]] = [:]

    package init() {}

    /// The hash of `topic#key`: FNV-1a, 64 bits.
    package static func hash(topic: String, key: some StringProtocol) -> UInt64 {
        var hash = Self.step(0xCBF2_9CE4_8422_2325, topic.utf8)
        hash = Self.step(hash, CollectionOfOne(UInt8(ascii: "#")))
        return Self.step(hash, key.utf8)
    }

    package static func hash(topic: String, key: UnsafeRawBufferPointer) -> UInt64 {
        var hash = Self.step(0xCBF2_9CE4_8422_2325, topic.utf8)
        hash = Self.step(hash, CollectionOfOne(UInt8(ascii: "#")))
        return Self.step(hash, key)
    }

    private static func step(_ hash: UInt64, _ bytes: some Sequence<UInt8>) -> UInt64 {
        bytes.reduce(hash) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }

    package mutating func append(_ keys: [KeyEntry], segment: PhysicalOffset) {
        self.bySegment[segment, default: []].append(contentsOf: keys)
    }

    /// Entries under `hash`, newest first, at most `limit`.
    package func entries(hash: UInt64, limit: Int) -> [IndexEntry] {
        var found: [IndexEntry] = []
        for (_, keys) in self.bySegment.sorted(by: { $0.key > $1.key }) {
            for key in keys.reversed() where key.hash == hash {
                found.append(key.entry)
                if found.count == limit { return found }
            }
        }
        return found
    }

    package func keys(of segment: PhysicalOffset) -> [KeyEntry] { self.bySegment[segment] ?? [] }

    /// The segment's index file has taken over, or the segment is gone.
    package mutating func drop(segment: PhysicalOffset) { self.bySegment[segment] = nil }
}
