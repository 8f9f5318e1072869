package import Chaos
import Glibc

/// A history that another process is writing, read as it grows.
package struct HistoryWatch {
    package let path: String
    package private(set) var header: HistoryHeader?
    package private(set) var acknowledged = 0
    package private(set) var received = 0

    private var reader = HistoryReader()
    private var offset = 0

    package init(path: String) {
        self.path = path
    }

    /// Reads what was appended since the last time. A file that is not there yet is empty.
    package mutating func refresh() throws {
        let log = NodeLog(path: self.path)
        let bytes = log.bytes(from: self.offset)
        self.offset += bytes.count
        var header: HistoryHeader?
        var acknowledged = 0
        var received = 0
        try self.reader.append(
            bytes[...], began: { header = $0 },
            event: { event in
                switch event.kind {
                case .sendEnded(_, .acknowledged, _, _, _): acknowledged += 1
                case .received: received += 1
                default: break
                }
            })
        self.header = header ?? self.header
        self.acknowledged += acknowledged
        self.received += received
    }
}
