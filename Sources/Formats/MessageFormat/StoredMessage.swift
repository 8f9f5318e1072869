/// The layout of a message in the log and in every answer that carries messages
/// (`docs/formats/message.md`; RocketMQ's layout V1 and V2, big-endian).
///
/// The disk's form is the wire's form, so delivery copies bytes and encodes nothing.
package enum MessageLayout {
    package static let magicV1 = UInt32(0xDAA3_20A7)
    /// Two bytes of topic length, for topics longer than 127 bytes. Only retry topics may be.
    package static let magicV2 = UInt32(0xDAA3_20AB)

    // Offsets of the fields in front of the hosts.
    package static let size = 0
    package static let magic = 4
    package static let bodyChecksum = 8
    package static let queueID = 12
    package static let flag = 16
    package static let queueOffset = 20
    package static let physicalOffset = 28
    package static let systemFlag = 36
    package static let bornTimestamp = 40
    package static let bornHost = 48

    /// Bytes of a message with empty body, topic and properties, IPv4 hosts, layout V1.
    package static let bytesMin = 91
    package static let propertiesBytesMax = 32_767
}

/// A message as it is about to be stored: everything but the offsets that the log gives it.
package struct MessageDraft {
    package var topic: String
    package var queueID: Int32
    package var flag: Int32
    package var systemFlag: SystemFlag
    package var bornTimestamp: Timestamp
    package var bornHost: HostAddress
    package var storeHost: HostAddress
    package var reconsumeTimes: Int32
    package var preparedTransactionOffset: Int64

    package init(
        topic: String, queueID: Int32, flag: Int32 = 0, systemFlag: SystemFlag = [],
        bornTimestamp: Timestamp, bornHost: HostAddress, storeHost: HostAddress,
        reconsumeTimes: Int32 = 0, preparedTransactionOffset: Int64 = 0
    ) {
        self.topic = topic
        self.queueID = queueID
        self.flag = flag
        self.systemFlag = systemFlag
        self.bornTimestamp = bornTimestamp
        self.bornHost = bornHost
        self.storeHost = storeHost
        self.reconsumeTimes = reconsumeTimes
        self.preparedTransactionOffset = preparedTransactionOffset
    }

    /// Bytes that the stored message will take.
    package func encodedCount(bodyCount: Int, propertiesCount: Int) -> Int {
        let topicCount = self.topic.utf8.count
        return MessageLayout.bytesMin - 16 + self.bornHost.encodedCount
            + self.storeHost.encodedCount + bodyCount + (topicCount > 127 ? 1 : 0) + topicCount
            + propertiesCount
    }

    private var bodyStart: Int {
        MessageLayout.bornHost + self.bornHost.encodedCount + 8 + self.storeHost.encodedCount + 16
    }

    /// Appends the message in its stored form.
    ///
    /// `physicalOffset` and `queueOffset` are the places that the log gave it.
    package func append(
        to bytes: inout [UInt8], body: UnsafeRawBufferPointer, properties: UnsafeRawBufferPointer,
        queueOffset: QueueOffset, physicalOffset: PhysicalOffset, storeTimestamp: Timestamp
    ) {
        let start = bytes.count
        let count = self.encodedCount(bodyCount: body.count, propertiesCount: properties.count)
        // The body's place is filled at once, the rest below.
        bytes.append(contentsOf: repeatElement(0, count: self.bodyStart))
        bytes.append(contentsOf: body)
        bytes.append(contentsOf: repeatElement(0, count: start + count - bytes.count))
        var flags = self.systemFlag.subtracting([.bornHostIPv6, .storeHostIPv6])
        if self.bornHost.isIPv6 { flags.insert(.bornHostIPv6) }
        if self.storeHost.isIPv6 { flags.insert(.storeHostIPv6) }
        let topicCount = self.topic.utf8.count
        let isLongTopic = topicCount > 127
        bytes.withUnsafeMutableBytes { all in
            let out = UnsafeMutableRawBufferPointer(rebasing: all[start...])
            typealias Layout = MessageLayout
            out.store(bigEndian: Int32(count), at: Layout.size)
            out.store(
                bigEndian: isLongTopic ? Layout.magicV2 : Layout.magicV1, at: Layout.magic)
            out.store(bigEndian: Checksum.ofBody(body), at: Layout.bodyChecksum)
            out.store(bigEndian: self.queueID, at: Layout.queueID)
            out.store(bigEndian: self.flag, at: Layout.flag)
            out.store(bigEndian: queueOffset.value, at: Layout.queueOffset)
            out.store(bigEndian: physicalOffset.bytes, at: Layout.physicalOffset)
            out.store(bigEndian: flags.rawValue, at: Layout.systemFlag)
            out.store(bigEndian: self.bornTimestamp.milliseconds, at: Layout.bornTimestamp)
            var at = Layout.bornHost
            at += self.bornHost.store(in: out, at: at)
            out.store(bigEndian: storeTimestamp.milliseconds, at: at)
            at += 8
            at += self.storeHost.store(in: out, at: at)
            out.store(bigEndian: self.reconsumeTimes, at: at)
            out.store(bigEndian: self.preparedTransactionOffset, at: at + 4)
            out.store(bigEndian: Int32(body.count), at: at + 12)
            at += 16 + body.count
            if isLongTopic {
                out.store(bigEndian: UInt16(topicCount), at: at)
                at += 2
            } else {
                out.store(bigEndian: UInt8(topicCount), at: at)
                at += 1
            }
            var topic = self.topic
            topic.withUTF8 { out.copy(UnsafeRawBufferPointer($0), at: at) }
            at += topicCount
            out.store(bigEndian: UInt16(properties.count), at: at)
            out.copy(properties, at: at + 2)
        }
    }
}

extension HostAddress {
    /// Writes the address at `offset`. Returns how many bytes that took.
    func store(in out: UnsafeMutableRawBufferPointer, at offset: Int) -> Int {
        self.withIPBytes { out.copy($0, at: offset) }
        out.store(bigEndian: self.port, at: offset + self.encodedCount - 4)
        return self.encodedCount
    }
}
