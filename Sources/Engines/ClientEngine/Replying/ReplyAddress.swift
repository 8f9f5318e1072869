package import MessageFormat

/// What a request-reply message says of the way back (`flows.md` §14).
package struct ReplyAddress: Hashable, Sendable {
    package var correlationID: String
    package var clientID: String
    /// How long the requester waits, in milliseconds.
    package var timeToLive: String?
    package var cluster: String?

    package init(correlationID: String, clientID: String, timeout: Duration) {
        self.correlationID = correlationID
        self.clientID = clientID
        self.timeToLive = String(Tick(timeout).nanoseconds / 1_000_000)
    }

    /// Nil: nobody waits for a reply to this message.
    package init?(_ properties: MessageProperties) {
        guard let correlationID = properties[PropertyName.correlationID],
            let clientID = properties[PropertyName.replyToClient]
        else { return nil }
        self.correlationID = correlationID
        self.clientID = clientID
        self.timeToLive = properties[PropertyName.timeToLive]
        self.cluster = properties[PropertyName.cluster]
    }

    package func write(to properties: inout MessageProperties) {
        properties[PropertyName.correlationID] = self.correlationID
        properties[PropertyName.replyToClient] = self.clientID
        properties[PropertyName.timeToLive] = self.timeToLive
    }

    /// The topic that replies to requests of that cluster are sent to.
    package static func topic(ofCluster cluster: String) -> String { "\(cluster)_REPLY_TOPIC" }
}

extension PropertyName {
    package static let timeToLive = "TTL"
    package static let messageType = "MSG_TYPE"
    /// The value of `messageType` that marks a reply.
    package static let replyType = "reply"
}
