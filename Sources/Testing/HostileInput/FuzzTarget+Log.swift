import HostileBytes
import DeliveryCore
import LogCore
import MessageFormat
import RemotingProtocol

extension FuzzTarget {
    /// A batch of the log. Its checksum is mended first: a fuzzer will not guess it.
    static let logBatch = FuzzTarget(name: "log-batch", seeds: Self.logSeeds) { bytes in
        guard bytes.count >= LogBatchHeader.count else {
            return demand(
                (try? LogBatchHeader(checking: bytes, at: .zero, logID: 1)) == nil,
                "too few bytes are no batch")
        }
        var batch = Array(bytes)
        let length = Int(bytes.bigEndian(UInt32.self, at: 8))
        if (9...batch.count).contains(length) {
            let checksum = Checksum.crc32c(bytes.slice(8..<length))
            batch.withUnsafeMutableBytes { $0.store(bigEndian: checksum, at: 4) }
        }
        batch.withUnsafeBytes { batch in
            let position = PhysicalOffset(batch.bigEndian(Int64.self, at: 16))
            let logID = batch.bigEndian(UInt64.self, at: 40)
            guard let header = try? LogBatchHeader(checking: batch, at: position, logID: logID)
            else { return }
            try? LogRecord.forEach(in: batch, of: header) { record in
                if case .message(let view, _) = record { _ = view.properties }
            }
        }
    }

    /// A record of state, as replicas and recovery apply it: two bytes of kind, then its payload.
    static let records = FuzzTarget(name: "state-record", seeds: Self.recordSeeds) { bytes in
        var cursor = ByteCursor(bytes)
        var state = DeliveryState(settings: DeliverySettings())
        while !cursor.isAtEnd {
            let kind = UInt16(cursor.byte()) << 8 | UInt16(cursor.byte())
            let count = Int(cursor.byte()) << 8 | Int(cursor.byte())
            _ = try? state.apply(kind: kind, payload: cursor.take(count))
        }
    }
}

// Seeds.
extension FuzzTarget {
    private static func logSeeds() -> [[UInt8]] {
        let written = BrokerUnderTest.written(by: Array(RequestTemplates.all.prefix(4)))
        return written.map(\.bytes)
    }

    private static func recordSeeds() -> [[UInt8]] {
        var seeds: [[UInt8]] = []
        for batch in BrokerUnderTest.written(by: RequestTemplates.broker) {
            batch.bytes.withUnsafeBytes { bytes in
                guard
                    let header = try? LogBatchHeader(
                        checking: bytes, at: batch.position, logID: BrokerUnderTest.logID)
                else { return }
                try? LogRecord.forEach(in: bytes, of: header) { record in
                    guard case .state(let kind, let payload, _) = record else { return }
                    var seed: [UInt8] = []
                    seed.append(bigEndian: kind)
                    seed.append(bigEndian: UInt16(clamping: payload.count))
                    seeds.append(seed + payload)
                }
            }
        }
        return seeds
    }
}
