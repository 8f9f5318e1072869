/// Messages that become invisible to others for a while: code 200050.
package struct PopRequest: Hashable, Sendable {
    package var consumerGroup: String
    package var topic: String
    /// −1: any queue.
    package var queueID: Int32
    package var maxMessages: Int32
    /// Milliseconds, as are the next two.
    package var invisibleTime: Int64
    package var pollTime: Int64
    /// When the client made the request, by its clock.
    package var bornTime: Int64
    /// Where a group begins that is new: 0 at the start, 1 at the end.
    package var startMode: Int32
    package var expression: String?
    package var expressionType: String?
    package var isOrdered: Bool
    /// A repeat of a pop in order gets the same batch.
    package var attemptID: String?
    /// Of our clients: what is popped comes back when the connection closes.
    package var returnsOnClose: Bool

    package init(
        consumerGroup: String, topic: String, queueID: Int32 = -1, maxMessages: Int32 = 32,
        invisibleTime: Int64 = 60_000, pollTime: Int64 = 15_000, bornTime: Int64,
        startMode: Int32 = 0, expression: String? = nil, expressionType: String? = nil,
        isOrdered: Bool = false, attemptID: String? = nil, returnsOnClose: Bool = false
    ) {
        self.consumerGroup = consumerGroup
        self.topic = topic
        self.queueID = queueID
        self.maxMessages = maxMessages
        self.invisibleTime = invisibleTime
        self.pollTime = pollTime
        self.bornTime = bornTime
        self.startMode = startMode
        self.expression = expression
        self.expressionType = expressionType
        self.isOrdered = isOrdered
        self.attemptID = attemptID
        self.returnsOnClose = returnsOnClose
    }

    package init(_ command: ReceivedCommand) throws(HeaderFieldError) {
        self.init(
            consumerGroup: try command.requiredString("consumerGroup"),
            topic: try command.requiredString("topic"),
            queueID: try command.requiredInt32("queueId"),
            maxMessages: try command.requiredInt32("maxMsgNums"),
            invisibleTime: try command.requiredInt64("invisibleTime"),
            pollTime: try command.requiredInt64("pollTime"),
            bornTime: try command.requiredInt64("bornTime"),
            startMode: try command.requiredInt32("initMode"),
            expression: command.nonEmptyString("exp"),
            expressionType: command.nonEmptyString("expType"),
            isOrdered: try command.bool("order") ?? false,
            attemptID: command.nonEmptyString("attemptId"),
            returnsOnClose: try command.bool("apusReturnOnClose") ?? false)
    }

    package var command: RemotingCommand {
        var command = RemotingCommand.request(
            .popMessage,
            fields: [
                "bornTime": String(self.bornTime), "consumerGroup": self.consumerGroup,
                "initMode": String(self.startMode), "invisibleTime": String(self.invisibleTime),
                "maxMsgNums": String(self.maxMessages), "order": String(self.isOrdered),
                "pollTime": String(self.pollTime), "queueId": String(self.queueID),
                "topic": self.topic,
            ])
        command["attemptId"] = self.attemptID
        command["exp"] = self.expression
        command["expType"] = self.expressionType
        command["apusReturnOnClose"] = self.returnsOnClose ? "true" : nil
        return command
    }
}

/// Whether a pop would find anything, now or in a while: code 200054.
package struct NotificationRequest: Hashable, Sendable {
    package var consumerGroup: String
    package var topic: String
    /// −1: any queue.
    package var queueID: Int32
    /// Milliseconds.
    package var pollTime: Int64
    package var bornTime: Int64
    package var isOrdered: Bool
    package var attemptID: String?

    package init(
        consumerGroup: String, topic: String, queueID: Int32 = -1, pollTime: Int64,
        bornTime: Int64, isOrdered: Bool = false, attemptID: String? = nil
    ) {
        self.consumerGroup = consumerGroup
        self.topic = topic
        self.queueID = queueID
        self.pollTime = pollTime
        self.bornTime = bornTime
        self.isOrdered = isOrdered
        self.attemptID = attemptID
    }

    package init(_ command: ReceivedCommand) throws(HeaderFieldError) {
        self.init(
            consumerGroup: try command.requiredString("consumerGroup"),
            topic: try command.requiredString("topic"),
            queueID: try command.requiredInt32("queueId"),
            pollTime: try command.requiredInt64("pollTime"),
            bornTime: try command.requiredInt64("bornTime"),
            isOrdered: try command.bool("order") ?? false,
            attemptID: command.nonEmptyString("attemptId"))
    }

    package var command: RemotingCommand {
        var command = RemotingCommand.request(
            .notification,
            fields: [
                "bornTime": String(self.bornTime), "consumerGroup": self.consumerGroup,
                "order": String(self.isOrdered), "pollTime": String(self.pollTime),
                "queueId": String(self.queueID), "topic": self.topic,
            ])
        command["attemptId"] = self.attemptID
        return command
    }
}
