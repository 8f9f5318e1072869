import MessageFormat

/// Reads the fields of a message, in their order; every length is held against its limit and
/// against what is there.
struct ReplicationReader {
    private let bytes: UnsafeRawBufferPointer
    private var at = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    private mutating func take(_ count: Int) throws(ReplicationFormatError)
        -> UnsafeRawBufferPointer
    {
        let left = self.bytes.count - self.at
        guard count <= left else { throw .truncated(bytes: left, needed: count) }
        defer { self.at += count }
        return self.bytes.slice(self.at..<(self.at + count))
    }

    mutating func integer<T: FixedWidthInteger>(
        _ type: T.Type
    ) throws(ReplicationFormatError) -> T {
        try self.take(MemoryLayout<T>.size).bigEndian(type, at: 0)
    }

    mutating func epoch() throws(ReplicationFormatError) -> Epoch {
        Epoch(try self.integer(UInt32.self))
    }

    mutating func offset(_ field: String) throws(ReplicationFormatError) -> PhysicalOffset {
        let value = try self.integer(Int64.self)
        guard value >= 0 else { throw .negative(field: field, value: value) }
        guard value <= Self.offsetMax else {
            throw .wrongValue(field: field, value: UInt64(value))
        }
        return PhysicalOffset(value)
    }

    /// Far beyond any log, and so far from the end of the numbers that sums of offsets are sound.
    private static let offsetMax = Int64(1) << 60

    mutating func text(
        _ field: String, bytesMax: Int
    ) throws(ReplicationFormatError) -> String {
        let count = Int(try self.integer(UInt16.self))
        guard count <= bytesMax else {
            throw .tooLong(field: field, count: count, countMax: bytesMax)
        }
        guard let text = String(validating: try self.take(count), as: UTF8.self) else {
            throw .notUTF8(field: field)
        }
        return text
    }

    /// Nothing may lie behind a message.
    func end() throws(ReplicationFormatError) {
        guard self.at == self.bytes.count else {
            throw .trailingBytes(self.bytes.count - self.at)
        }
    }

    private mutating func length(
        _ field: String, max countMax: Int
    ) throws(ReplicationFormatError) -> Int {
        let count = Int(try self.integer(UInt32.self))
        guard count <= countMax else {
            throw .tooLong(field: field, count: count, countMax: countMax)
        }
        return count
    }
}

extension ReplicationReader {
    mutating func hello() throws(ReplicationFormatError) -> ReplicaHello {
        let hello = ReplicaHello(
            clusterName: try self.text(
                "clusterName", bytesMax: ReplicationMessage.nameBytesMax),
            brokerName: try self.text("brokerName", bytesMax: ReplicationMessage.nameBytesMax),
            brokerID: try self.integer(Int64.self), incarnation: try self.integer(UInt64.self),
            epoch: try self.epoch(), logID: try self.integer(UInt64.self),
            logStart: try self.offset("logStart"), logEnd: try self.offset("logEnd"))
        guard hello.logStart <= hello.logEnd else {
            throw .wrongValue(field: "logEnd", value: UInt64(hello.logEnd.bytes))
        }
        return hello
    }

    mutating func welcome() throws(ReplicationFormatError) -> MasterWelcome {
        let epoch = try self.epoch()
        let logID = try self.integer(UInt64.self)
        let segmentBytes = try self.integer(Int64.self)
        guard segmentBytes > 0, segmentBytes <= Self.segmentBytesMax else {
            throw .wrongValue(field: "segmentBytes", value: UInt64(bitPattern: segmentBytes))
        }
        return MasterWelcome(
            epoch: epoch, logID: logID, segmentBytes: Int(segmentBytes),
            logStart: try self.offset("logStart"), logEnd: try self.offset("logEnd"),
            confirmed: try self.offset("confirmed"), history: try self.history())
    }

    /// More than any configuration allows.
    private static let segmentBytesMax = Int64(1) << 40

    /// Epochs and their starts ascend.
    private mutating func history() throws(ReplicationFormatError) -> [EpochStart] {
        let count = try self.length("history", max: ReplicationMessage.historyMax)
        var history: [EpochStart] = []
        for _ in 0..<count {
            let entry = EpochStart(
                epoch: try self.epoch(), start: try self.offset("history"))
            if let last = history.last, entry.epoch <= last.epoch || entry.start < last.start {
                throw .wrongValue(field: "history", value: UInt64(entry.epoch.value))
            }
            history.append(entry)
        }
        return history
    }

    mutating func stretch() throws(ReplicationFormatError) -> LogStretch {
        let epoch = try self.epoch()
        let confirmed = try self.offset("confirmed")
        let position = try self.offset("position")
        let count = try self.length("batches", max: ReplicationMessage.batchBytesMax)
        return LogStretch(
            epoch: epoch, confirmed: confirmed, position: position,
            bytes: Array(try self.take(count)))
    }

    mutating func range() throws(ReplicationFormatError) -> Range<PhysicalOffset> {
        let (from, end) = (try self.offset("from"), try self.offset("end"))
        guard from < end else { throw .wrongValue(field: "end", value: UInt64(end.bytes)) }
        return from..<end
    }

    mutating func lentStretch() throws(ReplicationFormatError) -> LentStretch {
        let epoch = try self.epoch()
        let (position, next) = (try self.offset("position"), try self.offset("next"))
        let count = try self.length("batches", max: ReplicationMessage.batchBytesMax)
        return LentStretch(
            epoch: epoch, position: position, next: next, bytes: Array(try self.take(count)))
    }

    mutating func goodbye() throws(ReplicationFormatError) -> ReplicationMessage {
        let epoch = try self.epoch()
        let value = try self.integer(UInt8.self)
        guard let reason = GoodbyeReason(rawValue: value) else {
            throw .wrongValue(field: "reason", value: UInt64(value))
        }
        return .goodbye(
            epoch: epoch, reason,
            remark: try self.text("remark", bytesMax: ReplicationMessage.remarkBytesMax))
    }
}
