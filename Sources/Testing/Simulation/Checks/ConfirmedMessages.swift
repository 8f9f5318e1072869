import MessageFormat

/// A message that a group has confirmed.
struct ConfirmedMessage {
    let group: Int
    /// Of the master that put it into the log.
    let epoch: Epoch
    let position: PhysicalOffset
    let topic: String
    let queueID: Int32
    let queueOffset: QueueOffset
    let value: UInt64
    let properties: MessageProperties
    let reconsumeTimes: Int32
    let storeTimestamp: Timestamp
    /// Of a committed message: where its half message lies.
    let preparedAt: PhysicalOffset

    /// Of a message that waits for its time: where it will go, and when.
    var destination: String? {
        self.topic == SystemTopic.timer ? self.properties[PropertyName.realTopic] : nil
    }

    var due: Timestamp? {
        self.properties[PropertyName.timerDueAt].flatMap(Int64.init).map {
            Timestamp(milliseconds: $0)
        }
    }
}

/// Reads what groups confirm, message by message, in the log's order.
final class ConfirmedMessages {
    private let plan: ClusterPlan
    private let take: (ConfirmedMessage) -> Void
    private var ends: [Int: Int64] = [:]

    init(_ plan: ClusterPlan, _ take: @escaping (ConfirmedMessage) -> Void) {
        self.plan = plan
        self.take = take
    }

    /// The golden log of a group has grown.
    func read(_ golden: GoldenLog, of group: Int, logID: UInt64) throws {
        var at = self.ends[group] ?? 0
        defer { self.ends[group] = at }
        while at + Int64(LogBatchHeader.count) <= golden.end.bytes {
            let left = Int64(self.plan.segmentBytes) - at % Int64(self.plan.segmentBytes)
            guard left >= LogBatchHeader.count else {
                at += left
                continue
            }
            do {
                let position = PhysicalOffset(at)
                let header = try golden.bytes[Int(at)...].withUnsafeBytes {
                    try LogBatchHeader(parsing: $0, at: position, logID: logID)
                }
                guard at + Int64(header.length) <= golden.end.bytes else { return }
                try golden.bytes[Int(at)..<(Int(at) + header.length)].withUnsafeBytes {
                    try self.read($0, header, of: group)
                }
                at += Int64(header.paddedLength)
            } catch LogBatchError.empty {
                at += left
            }
        }
    }

    private func read(
        _ batch: UnsafeRawBufferPointer, _ header: LogBatchHeader, of group: Int
    ) throws {
        try LogRecord.forEach(in: batch, of: header) { record in
            guard case .message(let view, let position) = record, view.topic != self.plan.topic,
                let value = History.value(in: Array(view.body))
            else { return }
            self.take(
                ConfirmedMessage(
                    group: group, epoch: header.epoch, position: position, topic: view.topic,
                    queueID: view.queueID, queueOffset: view.queueOffset, value: value,
                    properties: view.properties,
                    reconsumeTimes: view.reconsumeTimes, storeTimestamp: view.storeTimestamp,
                    preparedAt: PhysicalOffset(view.preparedTransactionOffset)))
        }
    }
}
