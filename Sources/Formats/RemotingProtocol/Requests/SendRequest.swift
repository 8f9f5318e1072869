package import MessageFormat
private import NIOCore

/// A message, or a batch of them, for a topic: codes 10, 310, 320, 324 and 325.
///
/// Codes 10 and 324 name their fields in words, the others by letters.
package struct SendRequest: Hashable, Sendable {
    package var producerGroup: String
    package var topic: String
    /// The topic after which a missing topic is modelled.
    package var defaultTopic: String
    package var defaultTopicQueueNums: Int32
    /// Negative: the broker chooses.
    package var queueID: Int32
    package var systemFlag: SystemFlag
    package var bornTimestamp: Timestamp
    /// The user's own number.
    package var flag: Int32
    /// `MessageProperties`' encoded form.
    package var properties: [UInt8]
    package var reconsumeTimes: Int32
    package var unitMode: Bool
    package var maxReconsumeTimes: Int32?
    /// Whether the body is a `MessageBatch`; the code alone does not say it.
    package var isBatch: Bool
    package var brokerName: String?

    package init(
        producerGroup: String, topic: String, defaultTopic: String = SystemTopic.autoCreate,
        defaultTopicQueueNums: Int32 = 4, queueID: Int32, systemFlag: SystemFlag = [],
        bornTimestamp: Timestamp, flag: Int32 = 0, properties: [UInt8] = [],
        reconsumeTimes: Int32 = 0, unitMode: Bool = false, maxReconsumeTimes: Int32? = nil,
        isBatch: Bool = false, brokerName: String? = nil
    ) {
        self.producerGroup = producerGroup
        self.topic = topic
        self.defaultTopic = defaultTopic
        self.defaultTopicQueueNums = defaultTopicQueueNums
        self.queueID = queueID
        self.systemFlag = systemFlag
        self.bornTimestamp = bornTimestamp
        self.flag = flag
        self.properties = properties
        self.reconsumeTimes = reconsumeTimes
        self.unitMode = unitMode
        self.maxReconsumeTimes = maxReconsumeTimes
        self.isBatch = isBatch
        self.brokerName = brokerName
    }
}

// Receiving.
extension SendRequest {
    /// The fields in the order of their letters, `a` to `n`.
    private static let names: [StaticString] = [
        "producerGroup", "topic", "defaultTopic", "defaultTopicQueueNums", "queueId", "sysFlag",
        "bornTimestamp", "flag", "properties", "reconsumeTimes", "unitMode", "maxReconsumeTimes",
        "batch", "bname",
    ]

    package init(_ command: ReceivedCommand) throws(HeaderFieldError) {
        self = try command.frame.withUnsafeReadableBytes {
            bytes throws(HeaderFieldError) -> SendRequest in
            try SendRequest(reading: Self.reader(of: command, in: bytes))
        }
    }

    /// The topic alone; empty when there is none.
    package static func topic(of command: ReceivedCommand) -> String {
        switch command.requestCode {
        case .sendMessage, .sendReplyMessage: command.string("topic") ?? ""
        default: command.string("b") ?? command.string("topic") ?? ""
        }
    }

    private static func reader(
        of command: ReceivedCommand, in bytes: UnsafeRawBufferPointer
    ) -> FieldReader {
        switch command.requestCode {
        case .sendMessage, .sendReplyMessage:
            return FieldReader(command.header, in: bytes, names: Self.names)
        default:
            let letters = FieldReader(letters: command.header, in: bytes, names: Self.names)
            if letters.has(1) { return letters }
            // An old client sends a batch under code 320 with the names of code 10.
            return FieldReader(command.header, in: bytes, names: Self.names)
        }
    }

    private init(reading fields: FieldReader) throws(HeaderFieldError) {
        self.init(
            producerGroup: try fields.requiredText(0), topic: try fields.requiredText(1),
            defaultTopic: try fields.requiredText(2),
            defaultTopicQueueNums: try fields.requiredInteger(3),
            queueID: try fields.requiredInteger(4),
            systemFlag: SystemFlag(rawValue: try fields.requiredInteger(5)),
            bornTimestamp: Timestamp(milliseconds: try fields.requiredInteger(6)),
            flag: try fields.requiredInteger(7), properties: fields.bytes(8) ?? [],
            reconsumeTimes: try fields.integer(9) ?? 0, unitMode: fields.bool(10) ?? false,
            maxReconsumeTimes: try fields.integer(11), isBatch: fields.bool(12) ?? false,
            brokerName: fields.text(13))
    }
}

// Sending.
extension SendRequest {
    /// The command that carries the request: 310, or 320 for a batch.
    package func command(body: [UInt8] = [], oneWay: Bool = false) -> RemotingCommand {
        var fields = [
            HeaderField(name: "a", value: self.producerGroup),
            HeaderField(name: "b", value: self.topic),
            HeaderField(name: "c", value: self.defaultTopic),
            HeaderField(name: "d", value: String(self.defaultTopicQueueNums)),
            HeaderField(name: "e", value: String(self.queueID)),
            HeaderField(name: "f", value: String(self.systemFlag.rawValue)),
            HeaderField(name: "g", value: String(self.bornTimestamp.milliseconds)),
            HeaderField(name: "h", value: String(self.flag)),
            HeaderField(name: "i", value: String(decoding: self.properties, as: UTF8.self)),
            HeaderField(name: "j", value: String(self.reconsumeTimes)),
            HeaderField(name: "k", value: self.unitMode ? "true" : "false"),
        ]
        if let times = self.maxReconsumeTimes {
            fields.append(HeaderField(name: "l", value: String(times)))
        }
        fields.append(HeaderField(name: "m", value: self.isBatch ? "true" : "false"))
        if let name = self.brokerName { fields.append(HeaderField(name: "n", value: name)) }
        let code: RequestCode = self.isBatch ? .sendBatchMessage : .sendMessageV2
        return RemotingCommand(
            code: code.rawValue, flag: oneWay ? CommandFlag.oneWay : 0, fields: fields, body: body)
    }
}
