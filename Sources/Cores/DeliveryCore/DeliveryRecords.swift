internal import MessageFormat

/// Makes the payloads of `DeliveryRecordKind`, none longer than `bytesMax`.
enum DeliveryRecords {
    /// So that a record fits a batch many times over, and reading one takes little memory.
    static let bytesMax = 256 * 1024

    /// At least one record, since the version counts too.
    static func topics(_ configs: [TopicConfig], version: DataVersion) -> [StateRecord] {
        Self.list(.topicsPut, configs, version: version) { $0.write(to: &$1) }
    }

    /// At least one record, since the version counts too.
    static func groups(_ configs: [SubscriptionGroupConfig], version: DataVersion) -> [StateRecord]
    {
        Self.list(.groupsPut, configs, version: version) { $0.write(to: &$1) }
    }

    static func deleted(
        _ kind: DeliveryRecordKind, _ names: [String], version: DataVersion
    ) -> [StateRecord] {
        names.isEmpty ? [] : Self.list(kind, names, version: version) { $1.put($0) }
    }

    static func offsetsRemoved(group: String, topic: String) -> StateRecord {
        precondition(!group.isEmpty || !topic.isEmpty, "a removal names a group or a topic")
        var writer = StateWriter()
        writer.put(group)
        writer.put(topic)
        return StateRecord(kind: DeliveryRecordKind.offsetsRemoved.rawValue, payload: writer.bytes)
    }

    static func offsets(
        _ offsets: [OffsetRecord], as kind: DeliveryRecordKind = .offsets
    ) -> [StateRecord] {
        var records: [StateRecord] = []
        var writer = StateWriter()
        for run in Self.runs(of: offsets) {
            if writer.bytes.count + Self.bytes(of: run) > Self.bytesMax {
                records.append(Self.record(kind, writer))
                writer = StateWriter()
            }
            Self.write(run, to: &writer)
        }
        return offsets.isEmpty ? [] : records + [Self.record(kind, writer)]
    }

    /// Neighbours of one group and topic. None is too long for a record of its own.
    private static func runs(of offsets: [OffsetRecord]) -> [ArraySlice<OffsetRecord>] {
        let queuesMax = 16 * 1024
        var runs: [ArraySlice<OffsetRecord>] = []
        var start = 0
        for end in 1...max(offsets.count, 1) where start < offsets.count {
            let goesOn =
                end < offsets.count && end - start < queuesMax
                && offsets[end].group == offsets[start].group
                && offsets[end].topic == offsets[start].topic
            if goesOn { continue }
            runs.append(offsets[start..<end])
            start = end
        }
        return runs
    }

    private static func bytes(of run: ArraySlice<OffsetRecord>) -> Int {
        guard let first = run.first else { return 0 }
        return first.group.utf8.count + first.topic.utf8.count + 8 + 12 * run.count
    }

    private static func write(_ run: ArraySlice<OffsetRecord>, to writer: inout StateWriter) {
        guard let first = run.first else { return }
        writer.put(first.group)
        writer.put(first.topic)
        writer.put(UInt32(run.count))
        for record in run {
            writer.put(record.queueID)
            writer.put(record.offset.value)
        }
    }

    /// Starts a new record when the next item may not fit; one item alone always does.
    private static func list<Item>(
        _ kind: DeliveryRecordKind, _ items: [Item], version: DataVersion,
        _ write: (Item, inout StateWriter) -> Void
    ) -> [StateRecord] {
        var records: [StateRecord] = []
        var writer = StateWriter()
        writer.put(version)
        let head = writer
        for item in items {
            var part = StateWriter(part: ())
            write(item, &part)
            if writer.bytes.count + part.bytes.count > Self.bytesMax {
                records.append(Self.record(kind, writer))
                writer = head
            }
            writer.put(part: part)
        }
        return records + [Self.record(kind, writer)]
    }

    private static func record(_ kind: DeliveryRecordKind, _ writer: StateWriter) -> StateRecord {
        StateRecord(kind: kind.rawValue, payload: writer.bytes)
    }
}
