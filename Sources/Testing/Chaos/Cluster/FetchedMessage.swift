package import MessageFormat
package import RemotingProtocol

/// A message as a broker handed it out, with its own copy of the bytes.
package struct FetchedMessage: Sendable {
    package var topic: String
    package var queueID: Int32
    package var queueOffset: QueueOffset
    package var physicalOffset: PhysicalOffset
    package var systemFlag: SystemFlag
    package var bornAt: Timestamp
    package var storedAt: Timestamp
    package var bornHost: HostAddress
    package var storeHost: HostAddress
    package var reconsumeTimes: Int32
    package var properties: MessageProperties
    package var body: [UInt8]
    package var isBodyIntact: Bool

    package init(
        position: QueuePosition, physicalOffset: PhysicalOffset, systemFlag: SystemFlag,
        bornAt: Timestamp, storedAt: Timestamp, bornHost: HostAddress, storeHost: HostAddress,
        reconsumeTimes: Int32, properties: MessageProperties, body: [UInt8], isBodyIntact: Bool
    ) {
        self.topic = position.queue.topic
        self.queueID = position.queue.queueID
        self.queueOffset = position.offset
        self.physicalOffset = physicalOffset
        self.systemFlag = systemFlag
        self.bornAt = bornAt
        self.storedAt = storedAt
        self.bornHost = bornHost
        self.storeHost = storeHost
        self.reconsumeTimes = reconsumeTimes
        self.properties = properties
        self.body = body
        self.isBodyIntact = isBodyIntact
    }

    package init(_ view: StoredMessageView) {
        self.topic = view.topic
        self.queueID = view.queueID
        self.queueOffset = view.queueOffset
        self.physicalOffset = view.physicalOffset
        self.systemFlag = view.systemFlag
        self.bornAt = view.bornTimestamp
        self.storedAt = view.storeTimestamp
        self.bornHost = view.bornHost
        self.storeHost = view.storeHost
        self.reconsumeTimes = view.reconsumeTimes
        self.properties = view.properties
        self.body = Array(view.body)
        self.isBodyIntact = view.isBodyIntact
    }

    /// The id under which users know the message.
    package var messageID: String {
        self.properties[PropertyName.uniqueKey] ?? self.offsetMessageID
    }

    package var offsetMessageID: String {
        OffsetMessageID(storeHost: self.storeHost, physicalOffset: self.physicalOffset).text
    }

    /// All messages of an answer's body.
    package static func all(
        in answer: ReceivedCommand, from address: String
    ) throws(AccessError) -> [FetchedMessage] {
        let parsed = answer.withBodyBytes { bytes in
            Result { () throws(MessageFormatError) in try Self.all(in: bytes) }
        }
        do throws(MessageFormatError) {
            return try parsed.get()
        } catch {
            throw .unreadable(problem: "\(error)", from: address)
        }
    }

    private static func all(
        in bytes: UnsafeRawBufferPointer
    ) throws(MessageFormatError) -> [FetchedMessage] {
        var messages: [FetchedMessage] = []
        var rest = bytes
        while !rest.isEmpty {
            let view = try StoredMessageView(rest)
            messages.append(FetchedMessage(view))
            rest = rest.slice(view.size..<rest.count)
        }
        return messages
    }
}
