import DeliveryCore
import LogCore
import MessageFormat
import RemotingProtocol
import ReplicationCore
import ReplicationProtocol

/// Where each epoch began, in a segment's opening snapshot.
///
/// Payload: count (4), then per epoch: epoch (4), start (8). Big-endian.
enum EpochRecord {
    static let kind: UInt16 = 102

    static func record(of history: EpochHistory) -> StateRecord {
        var payload: [UInt8] = []
        payload.append(bigEndian: UInt32(history.starts.count))
        for known in history.starts {
            payload.append(bigEndian: known.epoch.value)
            payload.append(bigEndian: known.start.bytes)
        }
        return StateRecord(kind: Self.kind, payload: payload)
    }

    /// nil when it makes no sense.
    static func history(_ payload: UnsafeRawBufferPointer) -> EpochHistory? {
        guard payload.count >= 4 else { return nil }
        let count = Int(payload.bigEndian(UInt32.self, at: 0))
        guard count <= EpochHistory.countMax, payload.count == 4 + 12 * count else { return nil }
        return EpochHistory(
            checking: (0..<count).map { index in
                EpochStart(
                    epoch: Epoch(payload.bigEndian(UInt32.self, at: 4 + 12 * index)),
                    start: PhysicalOffset(payload.bigEndian(Int64.self, at: 8 + 12 * index)))
            })
    }
}

/// Why bytes do not continue this log.
struct AdoptionError: Error, CustomStringConvertible {
    var position: PhysicalOffset
    var reason: String

    var description: String { "the bytes for \(self.position.bytes): \(self.reason)" }
}

// A replica takes its master's batches as they are: checked, applied, written at the same place.
extension BrokerEngine {
    /// Takes a stretch that continues the log. Throws, with nothing taken, when it does not.
    mutating func adopt(_ stretch: LogStretch) throws(AdoptionError) {
        let headers = try self.checkedHeaders(stretch)
        do {
            try stretch.bytes.withUnsafeBytes { bytes in
                var at = 0
                for header in headers {
                    try self.adopt(bytes.slice(at..<(at + header.length)), header)
                    at += header.paddedLength
                }
            }
        } catch {
            // Half of it is in the tables: only the log can tell how it was.
            self.effects.append(.warn("a batch of the master cannot be applied: \(error)"))
            return self.change(the: .restart)
        }
        self.adopted.append(
            PlannedBatch(position: stretch.position, end: stretch.end, bytes: stretch.bytes))
    }

    private func checkedHeaders(_ stretch: LogStretch) throws(AdoptionError) -> [LogBatchHeader] {
        func fail(_ at: PhysicalOffset, _ reason: String) -> AdoptionError {
            AdoptionError(position: at, reason: reason)
        }
        let segmentBytes = self.settings.log.segmentBytes
        let base = self.log.segmentBase
        let isNextSegment = stretch.position == base.advanced(by: segmentBytes)
        guard stretch.position == self.log.end || isNextSegment else {
            throw fail(stretch.position, "this log ends at \(self.log.end.bytes)")
        }
        let segmentEnd = base.advanced(by: isNextSegment ? 2 * segmentBytes : segmentBytes)
        guard stretch.end <= segmentEnd else {
            throw fail(stretch.position, "they reach over the segment's end")
        }
        var headers: [LogBatchHeader] = []
        var epoch = self.history.latest
        do {
            try stretch.bytes.withUnsafeBytes { bytes in
                var at = 0
                while at < bytes.count {
                    let position = stretch.position.advanced(by: at)
                    let header = try LogBatchHeader(
                        checking: bytes.slice(at..<bytes.count), at: position,
                        logID: self.log.logID)
                    let end = at + header.paddedLength
                    guard header.epoch >= epoch, header.epoch <= stretch.epoch,
                        end <= bytes.count,
                        bytes[(at + header.length)..<end].allSatisfy({ $0 == 0 })
                    else { throw fail(position, "wrong epoch, or no whole batch") }
                    epoch = header.epoch
                    headers.append(header)
                    at = end
                }
            }
        } catch let error as AdoptionError {
            throw error
        } catch {
            throw fail(stretch.position, "\(error)")
        }
        return headers
    }

    private mutating func adopt(
        _ batch: UnsafeRawBufferPointer, _ header: LogBatchHeader
    ) throws(ReplayError) {
        let segment = PhysicalOffset(
            header.position.bytes
                - header.position.bytes % Int64(self.settings.log.segmentBytes))
        if header.position == segment { self.segments.left(at: self.log.end) }
        let applied = try self.apply(batch, header, segment: segment, isConfirmed: false)
        self.log.adopted(applied.batch, of: header)
        guard applied.endsSnapshot, self.segments.active?.base != segment else { return }
        self.segments.append(
            .init(
                base: segment, state: .active, youngest: header.storeTimestamp,
                snapshotEnd: applied.batch.end))
    }
}
