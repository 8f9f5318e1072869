/// Whether the logs of a group's brokers are the same, byte for byte.
struct ReplicaComparison {
    enum Finding: Hashable {
        case identical
        case differentLogs
        /// The first position where a log differs from the first one.
        case differ(at: Int64, in: String)
        case damaged(in: String, String)
    }

    let group: String
    let logs: [StoredLog]
    let extents: [StoredLog.Extent]
    /// What was compared: from the highest start to the lowest end.
    let range: Range<Int64>
    let finding: Finding

    private static let blockBytes = 1 << 20

    /// - Parameter limit: nothing from there on is compared, as it was never confirmed.
    init(group: String, logs: [StoredLog], limit: Int64?) {
        self.group = group
        self.logs = logs
        self.extents = logs.map { $0.scan() }
        let start = self.extents.map(\.start).max() ?? 0
        let end = min(self.extents.map(\.end).min() ?? 0, limit ?? .max)
        self.range = start..<max(start, end)
        self.finding = Self.finding(logs, self.extents, self.range)
    }

    private static func finding(
        _ logs: [StoredLog], _ extents: [StoredLog.Extent], _ range: Range<Int64>
    ) -> Finding {
        for (log, extent) in zip(logs, extents) {
            if let damage = extent.damage { return .damaged(in: log.directory, damage) }
        }
        guard let first = logs.first else { return .identical }
        let isOneLog = logs.allSatisfy {
            $0.logID == first.logID && $0.segmentBytes == first.segmentBytes
        }
        guard isOneLog else { return .differentLogs }
        return Self.firstDifference(logs, range) ?? .identical
    }

    private static func firstDifference(_ logs: [StoredLog], _ range: Range<Int64>) -> Finding? {
        var position = range.lowerBound
        while position < range.upperBound {
            let segmentEnd = (position / logs[0].segmentBytes + 1) * logs[0].segmentBytes
            let end = min(position + Int64(Self.blockBytes), segmentEnd, range.upperBound)
            let count = Int(end - position)
            let expected = logs[0].bytes(at: position, count: count)
            for log in logs.dropFirst() {
                let found = log.bytes(at: position, count: count)
                guard found != expected else { continue }
                let at = zip(expected, found).enumerated().first { $0.element.0 != $0.element.1 }
                return .differ(at: position + Int64(at?.offset ?? 0), in: log.directory)
            }
            position = end
        }
        return nil
    }
}
