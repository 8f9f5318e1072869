package import MessageFormat
package import NIOCore

/// The answer to a send, written without anything in between: one per message or batch.
package struct SendResponse: Hashable, Sendable {
    package var opaque: Int32
    package var code: ResponseCode
    package var messageIDs: SentMessageIDs
    package var queueID: Int32
    package var queueOffset: Int64
    package var transactionID: String?
    /// `RecallHandle`'s text; only of delayed messages.
    package var recallHandle: String?
    package var remark: String?

    package init(
        opaque: Int32, code: ResponseCode = .success, messageIDs: SentMessageIDs, queueID: Int32,
        queueOffset: Int64, transactionID: String? = nil, recallHandle: String? = nil,
        remark: String? = nil
    ) {
        self.opaque = opaque
        self.code = code
        self.messageIDs = messageIDs
        self.queueID = queueID
        self.queueOffset = queueOffset
        self.transactionID = transactionID
        self.recallHandle = recallHandle
        self.remark = remark
    }

    /// Appends the whole frame.
    package func encode(
        into buffer: inout ByteBuffer, as serialization: SerializationType = .json
    ) {
        guard serialization == .json, self.recallHandle == nil else {
            return self.command.encode(into: &buffer, as: serialization)
        }
        var countMax = 360 + self.messageIDs.escapedCountMax
        if let id = self.transactionID { countMax += JSONText.escapedCountMax(id) }
        if let remark = self.remark { countMax += JSONText.escapedCountMax(remark) }
        HeadWriter.write(.json, bodyCount: 0, countMax: countMax, into: &buffer) { head in
            self.write(to: &head)
        }
    }

    /// Java clients read `MSG_REGION` and `TRACE_ON` without asking whether they are there.
    private func write(to head: inout HeadWriter) {
        head.text("{\"code\":")
        head.decimal(Int64(self.code.rawValue))
        head.text(
            ",\"extFields\":{\"MSG_REGION\":\"DefaultRegion\",\"TRACE_ON\":\"true\",\"msgId\":\"")
        switch self.messageIDs {
        case .one(let id): head.hexadecimal(id)
        case .several(let text): head.escaped(text)
        }
        head.text("\",\"queueId\":\"")
        head.decimal(Int64(self.queueID))
        head.text("\",\"queueOffset\":\"")
        head.decimal(self.queueOffset)
        if let id = self.transactionID {
            head.text("\",\"transactionId\":\"")
            head.escaped(id)
        }
        head.text("\"}")
        head.jsonTail(
            flag: CommandFlag.response, language: .other, opaque: self.opaque,
            remark: self.remark, version: ProtocolVersion.current)
    }

    /// The same answer as a command.
    package var command: RemotingCommand {
        var command = RemotingCommand.response(
            self.code, to: self.opaque, remark: self.remark,
            fields: [
                "MSG_REGION": "DefaultRegion", "TRACE_ON": "true", "msgId": self.messageIDs.text,
                "queueId": String(self.queueID), "queueOffset": String(self.queueOffset),
            ])
        command["transactionId"] = self.transactionID
        command["recallHandle"] = self.recallHandle
        return command
    }

    /// What a client received; only for codes that carry the fields (0, 10, 11, 12).
    package init(_ command: ReceivedCommand) throws(HeaderFieldError) {
        self.init(
            opaque: command.opaque, code: command.responseCode,
            messageIDs: .several(try command.requiredString("msgId")),
            queueID: try command.requiredInt32("queueId"),
            queueOffset: try command.requiredInt64("queueOffset"),
            transactionID: command.nonEmptyString("transactionId"),
            recallHandle: command.nonEmptyString("recallHandle"), remark: command.remark)
    }
}

/// Where what was sent lies, as its producer hears it.
package enum SentMessageIDs: Hashable, Sendable {
    case one(OffsetMessageID)
    /// Texts of `OffsetMessageID`, one for each member of a batch, separated by commas; or whatever
    /// a server wrote.
    case several(String)

    package var text: String {
        switch self {
        case .one(let id): id.text
        case .several(let text): text
        }
    }

    fileprivate var escapedCountMax: Int {
        switch self {
        case .one: OffsetMessageID.textCountMax
        case .several(let text): JSONText.escapedCountMax(text)
        }
    }
}
