/// Why bytes are not a message.
package enum MessageFormatError: Error, Hashable {
    case truncated(bytes: Int, needed: Int)
    case wrongMagic(UInt32)
    case wrongLength(field: String, value: Int)
}

/// A message in its stored form, checked once and then read field by field.
///
/// Borrowed: valid only as long as the bytes that it was made from.
package struct StoredMessageView {
    private let bytes: UnsafeRawBufferPointer
    private let storeTimestampAt: Int
    private let reconsumeTimesAt: Int
    private let bodyRange: Range<Int>
    private let topicRange: Range<Int>
    private let propertiesRange: Range<Int>

    /// Checks lengths and magic of the message that starts at the first byte of `bytes`, which may
    /// hold more behind it. Checksums are the caller's business.
    package init(_ bytes: UnsafeRawBufferPointer) throws(MessageFormatError) {
        typealias Layout = MessageLayout
        guard bytes.count >= Layout.bytesMin else {
            throw .truncated(bytes: bytes.count, needed: Layout.bytesMin)
        }
        let size = Int(bytes.bigEndian(Int32.self, at: Layout.size))
        guard size >= Layout.bytesMin else { throw .wrongLength(field: "size", value: size) }
        guard bytes.count >= size else { throw .truncated(bytes: bytes.count, needed: size) }
        let magic = bytes.bigEndian(UInt32.self, at: Layout.magic)
        guard magic == Layout.magicV1 || magic == Layout.magicV2 else { throw .wrongMagic(magic) }
        let flags = SystemFlag(rawValue: bytes.bigEndian(Int32.self, at: Layout.systemFlag))
        var at = Layout.bornHost + (flags.contains(.bornHostIPv6) ? 20 : 8)
        self.storeTimestampAt = at
        at += 8 + (flags.contains(.storeHostIPv6) ? 20 : 8)
        self.reconsumeTimesAt = at
        at += 12
        // From here on every length comes from the bytes: each is checked against the end.
        func take(_ count: Int, _ field: String) throws(MessageFormatError) -> Range<Int> {
            guard count >= 0, at + count <= size else {
                throw .wrongLength(field: field, value: count)
            }
            defer { at += count }
            return at..<(at + count)
        }
        let bodyLength = try take(4, "body length")
        let bodyCount = Int(bytes.bigEndian(Int32.self, at: bodyLength.lowerBound))
        self.bodyRange = try take(bodyCount, "body")
        let topicLength = try take(magic == Layout.magicV1 ? 1 : 2, "topic length")
        let topicCount =
            magic == Layout.magicV1
            ? Int(bytes[topicLength.lowerBound])
            : Int(bytes.bigEndian(UInt16.self, at: topicLength.lowerBound))
        self.topicRange = try take(topicCount, "topic")
        let propertiesLength = try take(2, "properties length")
        let propertiesCount = Int(bytes.bigEndian(Int16.self, at: propertiesLength.lowerBound))
        self.propertiesRange = try take(propertiesCount, "properties")
        guard at == size else { throw .wrongLength(field: "size", value: size) }
        self.bytes = bytes.slice(0..<size)
    }

    package var size: Int { self.bytes.count }
    /// All bytes of the message.
    package var encoded: UnsafeRawBufferPointer { self.bytes }
    package var bodyChecksum: Int32 {
        self.bytes.bigEndian(Int32.self, at: MessageLayout.bodyChecksum)
    }
    package var queueID: Int32 { self.bytes.bigEndian(Int32.self, at: MessageLayout.queueID) }
    package var flag: Int32 { self.bytes.bigEndian(Int32.self, at: MessageLayout.flag) }
    package var queueOffset: QueueOffset {
        QueueOffset(self.bytes.bigEndian(Int64.self, at: MessageLayout.queueOffset))
    }
    package var physicalOffset: PhysicalOffset {
        PhysicalOffset(self.bytes.bigEndian(Int64.self, at: MessageLayout.physicalOffset))
    }
    package var systemFlag: SystemFlag {
        SystemFlag(rawValue: self.bytes.bigEndian(Int32.self, at: MessageLayout.systemFlag))
    }
    package var bornTimestamp: Timestamp {
        Timestamp(
            milliseconds: self.bytes.bigEndian(Int64.self, at: MessageLayout.bornTimestamp))
    }
    package var storeTimestamp: Timestamp {
        Timestamp(milliseconds: self.bytes.bigEndian(Int64.self, at: self.storeTimestampAt))
    }
    package var bornHost: HostAddress {
        self.host(MessageLayout.bornHost..<self.storeTimestampAt)
    }
    package var storeHost: HostAddress { self.host(self.storeHostRange) }
    /// Where in the message its store host lies.
    var storeHostRange: Range<Int> { (self.storeTimestampAt + 8)..<self.reconsumeTimesAt }
    package var reconsumeTimes: Int32 {
        self.bytes.bigEndian(Int32.self, at: self.reconsumeTimesAt)
    }
    package var preparedTransactionOffset: Int64 {
        self.bytes.bigEndian(Int64.self, at: self.reconsumeTimesAt + 4)
    }
    package var body: UnsafeRawBufferPointer { self.bytes.slice(self.bodyRange) }
    package var topic: String { String(decoding: self.bytes[self.topicRange], as: UTF8.self) }
    package var topicBytes: UnsafeRawBufferPointer { self.bytes.slice(self.topicRange) }
    package var propertiesBytes: UnsafeRawBufferPointer { self.bytes.slice(self.propertiesRange) }
    package var properties: MessageProperties { MessageProperties(parsing: self.propertiesBytes) }

    /// Whether the body still is what its checksum says.
    package var isBodyIntact: Bool { Checksum.ofBody(self.body) == self.bodyChecksum }

    private func host(_ range: Range<Int>) -> HostAddress {
        let ip = Array(self.bytes[range.lowerBound..<(range.upperBound - 4)])
        return HostAddress(
            ip: ip, port: self.bytes.bigEndian(Int32.self, at: range.upperBound - 4))
    }
}
