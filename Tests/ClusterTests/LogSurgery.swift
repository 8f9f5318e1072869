import Foundation
import MessageFormat

/// Takes a message out of a stopped broker's log as if it had never been there: the batch stays
/// sound, with a record that says nothing in the message's place.
enum LogSurgery {
    struct NotFound: Error {}

    static func removeOneMessage(
        ofTopic topic: String, in path: String
    ) throws {
        var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        let logID = try Self.logID(bytes)
        var position = 0
        while position + LogBatchHeader.count <= bytes.count {
            let header = try bytes.withUnsafeBytes { all in
                try LogBatchHeader(
                    checking: all.slice(position..<all.count),
                    at: PhysicalOffset(Int64(position)), logID: logID)
            }
            if let message = try Self.message(of: topic, in: bytes, header, at: position) {
                Self.blank(message, in: &bytes)
                bytes.withUnsafeMutableBytes { all in
                    let batch = UnsafeMutableRawBufferPointer(
                        rebasing: all[position..<(position + header.length)])
                    header.seal(batch)
                }
                return try Data(bytes).write(to: URL(fileURLWithPath: path))
            }
            position += header.paddedLength
        }
        throw NotFound()
    }

    /// The identity that the first batch carries.
    private static func logID(_ bytes: [UInt8]) throws -> UInt64 {
        bytes.withUnsafeBytes { $0.bigEndian(UInt64.self, at: 40) }
    }

    private static func message(
        of topic: String, in bytes: [UInt8], _ header: LogBatchHeader, at position: Int
    ) throws -> Range<Int>? {
        var found: Range<Int>?
        try bytes.withUnsafeBytes { all in
            let batch = all.slice(position..<(position + header.length))
            try LogRecord.forEach(in: batch, of: header) { record in
                if case .message(let message, let at) = record, message.topic == topic {
                    found = Int(at.bytes)..<(Int(at.bytes) + message.size)
                }
            }
        }
        return found
    }

    /// A state record of the same size: the mark that ends a snapshot, which changes nothing.
    private static func blank(_ message: Range<Int>, in bytes: inout [UInt8]) {
        var blank: [UInt8] = []
        let payload = [UInt8](repeating: 0, count: message.count - StateRecord.headerCount)
        StateRecord(kind: 101, payload: payload).append(to: &blank)
        bytes.replaceSubrange(message, with: blank)
    }
}
