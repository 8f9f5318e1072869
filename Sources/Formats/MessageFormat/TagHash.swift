/// The hash by which brokers filter tags: Java's string hash over UTF-16 code units.
package enum TagHash {
    /// 0 for no tag or an empty one.
    package static func of(_ tag: some StringProtocol) -> Int32 {
        tag.utf16.reduce(0) { hash, unit in 31 &* hash &+ Int32(unit) }
    }
}
