private import MessageFormat

/// Consumers on a ring, each at several places. A queue belongs to the first consumer at or after
/// its own place, so a consumer that comes or goes moves only queues of its neighbours.
struct ConsistentHashRing {
    private var nodes: [(position: UInt32, consumer: String)]

    /// `consumers` in the order of the wire: of two that meet at one place the later one has it.
    init(_ consumers: [String], placesEach: Int) {
        var owners: [UInt32: String] = [:]
        for consumer in consumers {
            for place in 0..<placesEach {
                owners[Self.position(of: "\(consumer)-\(place)")] = consumer
            }
        }
        self.nodes = owners.map { ($0.key, $0.value) }.sorted { $0.position < $1.position }
    }

    func owner(of key: String) -> String? {
        let position = Self.position(of: key)
        var low = 0
        var high = self.nodes.count
        while low < high {
            let middle = (low + high) / 2
            if self.nodes[middle].position < position { low = middle + 1 } else { high = middle }
        }
        return low < self.nodes.count ? self.nodes[low].consumer : self.nodes.first?.consumer
    }

    /// The digest's first four bytes, highest first.
    static func position(of key: String) -> UInt32 {
        MD5.digest(key.utf8).prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
    }
}
