import LogCore
import MessageFormat

/// The first record of each epoch: without it nothing of an earlier epoch would ever be confirmed
/// when nobody sends.
///
/// Payload: broker id of the master (8), big-endian.
enum EpochBegin {
    static let kind: UInt16 = 103

    static func record(by brokerID: Int64) -> StateRecord {
        var payload: [UInt8] = []
        payload.append(bigEndian: brokerID)
        return StateRecord(kind: Self.kind, payload: payload)
    }
}
