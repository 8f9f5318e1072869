package import NIOCore

/// The answer to a pull. Its body, messages in their stored form, is not part of it: whoever
/// sends it appends the messages behind the head.
package struct PullResponse: Hashable, Sendable {
    package var opaque: Int32
    package var code: ResponseCode
    /// Which broker of the group to ask next time: 0 the master.
    package var suggestWhichBrokerID: Int64
    package var nextBeginOffset: Int64
    package var minOffset: Int64
    package var maxOffset: Int64
    package var remark: String?

    package init(
        opaque: Int32, code: ResponseCode, suggestWhichBrokerID: Int64 = 0,
        nextBeginOffset: Int64, minOffset: Int64, maxOffset: Int64, remark: String? = nil
    ) {
        self.opaque = opaque
        self.code = code
        self.suggestWhichBrokerID = suggestWhichBrokerID
        self.nextBeginOffset = nextBeginOffset
        self.minOffset = minOffset
        self.maxOffset = maxOffset
        self.remark = remark
    }

    /// Appends the frame's head; `bodyCount` bytes must follow.
    package func encodeHead(
        bodyCount: Int, into buffer: inout ByteBuffer, as serialization: SerializationType = .json
    ) {
        guard serialization == .json else {
            return self.command.encodeHead(bodyCount: bodyCount, into: &buffer, as: serialization)
        }
        let countMax = 380 + (self.remark.map(JSONText.escapedCountMax) ?? 0)
        HeadWriter.write(.json, bodyCount: bodyCount, countMax: countMax, into: &buffer) { head in
            self.write(to: &head)
        }
    }

    private func write(to head: inout HeadWriter) {
        head.text("{\"code\":")
        head.decimal(Int64(self.code.rawValue))
        head.text(",\"extFields\":{\"maxOffset\":\"")
        head.decimal(self.maxOffset)
        head.text("\",\"minOffset\":\"")
        head.decimal(self.minOffset)
        head.text("\",\"nextBeginOffset\":\"")
        head.decimal(self.nextBeginOffset)
        head.text("\",\"suggestWhichBrokerId\":\"")
        head.decimal(self.suggestWhichBrokerID)
        head.text("\"}")
        head.jsonTail(
            flag: CommandFlag.response, language: .other, opaque: self.opaque,
            remark: self.remark, version: ProtocolVersion.current)
    }

    /// The same answer as a command without its body.
    package var command: RemotingCommand {
        .response(
            self.code, to: self.opaque, remark: self.remark,
            fields: [
                "maxOffset": String(self.maxOffset), "minOffset": String(self.minOffset),
                "nextBeginOffset": String(self.nextBeginOffset),
                "suggestWhichBrokerId": String(self.suggestWhichBrokerID),
            ])
    }

    /// What a client received; only for codes that carry the fields (0, 19, 20, 21).
    package init(_ command: ReceivedCommand) throws(HeaderFieldError) {
        self.init(
            opaque: command.opaque, code: command.responseCode,
            suggestWhichBrokerID: try command.int64("suggestWhichBrokerId") ?? 0,
            nextBeginOffset: try command.requiredInt64("nextBeginOffset"),
            minOffset: try command.requiredInt64("minOffset"),
            maxOffset: try command.requiredInt64("maxOffset"), remark: command.remark)
    }
}
