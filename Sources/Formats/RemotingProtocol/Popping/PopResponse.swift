/// The head of an answer that carries popped messages; the messages follow it as the body.
///
/// Clients build each message's handle from it.
package struct PopResponse: Hashable, Sendable {
    package var opaque: Int32
    /// Milliseconds since 1970.
    package var popTime: Int64
    /// Milliseconds, as it was granted.
    package var invisibleTime: Int64
    package var reviveQueue: Int32
    /// Messages that are left in the queues that were looked at.
    package var rest: Int64
    package var startOffsetInfo: String
    package var messageOffsetInfo: String
    package var orderCountInfo: String

    package init(
        opaque: Int32, popTime: Int64, invisibleTime: Int64, reviveQueue: Int32, rest: Int64,
        startOffsetInfo: String, messageOffsetInfo: String, orderCountInfo: String = ""
    ) {
        self.opaque = opaque
        self.popTime = popTime
        self.invisibleTime = invisibleTime
        self.reviveQueue = reviveQueue
        self.rest = rest
        self.startOffsetInfo = startOffsetInfo
        self.messageOffsetInfo = messageOffsetInfo
        self.orderCountInfo = orderCountInfo
    }

    package var command: RemotingCommand {
        var command = RemotingCommand.response(
            .success, to: self.opaque,
            fields: [
                "invisibleTime": String(self.invisibleTime),
                "msgOffsetInfo": self.messageOffsetInfo, "popTime": String(self.popTime),
                "restNum": String(self.rest), "reviveQid": String(self.reviveQueue),
                "startOffsetInfo": self.startOffsetInfo,
            ])
        if !self.orderCountInfo.isEmpty { command["orderCountInfo"] = self.orderCountInfo }
        return command
    }

    /// The answer to a pop that gets no messages.
    ///
    /// RocketMQ's client reads these numbers with every code, and writes each that is missing into
    /// its log as an error.
    package static func nothing(
        _ code: ResponseCode, to opaque: Int32, remark: String
    ) -> RemotingCommand {
        .response(
            code, to: opaque, remark: remark,
            fields: ["invisibleTime": "0", "popTime": "0", "restNum": "0", "reviveQid": "0"])
    }

    /// What a client received with code 0.
    package init(_ command: ReceivedCommand) throws(HeaderFieldError) {
        self.init(
            opaque: command.opaque, popTime: try command.requiredInt64("popTime"),
            invisibleTime: try command.requiredInt64("invisibleTime"),
            reviveQueue: try command.requiredInt32("reviveQid"),
            rest: try command.int64("restNum") ?? 0,
            startOffsetInfo: command.string("startOffsetInfo") ?? "",
            messageOffsetInfo: command.string("msgOffsetInfo") ?? "",
            orderCountInfo: command.string("orderCountInfo") ?? "")
    }
}
