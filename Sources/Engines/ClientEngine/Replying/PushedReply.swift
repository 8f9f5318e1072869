internal import MessageFormat
package import RemotingProtocol

/// A reply that a broker pushes to the client that asked (code 326).
package struct PushedReply: Sendable {
    package var correlationID: String
    package var message: InboundMessage

    /// The request's fields are a message's; nothing of it was stored for us to find.
    package init(_ command: ReceivedCommand) throws(PushedReplyError) {
        let properties = MessageProperties(parsing: command.string("properties") ?? "")
        guard let correlationID = properties[PropertyName.correlationID] else {
            throw PushedReplyError(problem: "the reply has no \(PropertyName.correlationID)")
        }
        self.correlationID = correlationID
        do throws(HeaderFieldError) {
            self.message = InboundMessage(
                queue: MessageQueue(
                    topic: try command.requiredString("topic"),
                    brokerName: command.nonEmptyString("bname") ?? "",
                    queueID: try command.int32("queueId") ?? 0),
                body: command.withBodyBytes { Array($0) }, properties: properties,
                flag: try command.int32("flag") ?? 0,
                systemFlag: SystemFlag(rawValue: try command.int32("sysFlag") ?? 0),
                bornTimestamp: Timestamp(milliseconds: try command.int64("bornTimestamp") ?? 0),
                storeTimestamp: Timestamp(milliseconds: try command.int64("storeTimestamp") ?? 0))
        } catch {
            throw PushedReplyError(problem: "\(error)")
        }
    }
}

package struct PushedReplyError: Error, Hashable, Sendable {
    package var problem: String
}

extension InboundMessage {
    /// A message that came without its stored form.
    fileprivate init(
        queue: MessageQueue, body: [UInt8], properties: MessageProperties, flag: Int32,
        systemFlag: SystemFlag, bornTimestamp: Timestamp, storeTimestamp: Timestamp
    ) {
        self.queue = queue
        self.topic = queue.topic
        self.queueOffset = .zero
        self.physicalOffset = .zero
        self.body = body
        self.properties = properties
        self.flag = flag
        self.systemFlag = systemFlag
        self.bornTimestamp = bornTimestamp
        self.storeTimestamp = storeTimestamp
        self.bornHost = .unknown
        self.storeHost = .unknown
        self.reconsumeTimes = 0
        self.storedBytes = body.count
        self.isBodyIntact = true
    }
}
