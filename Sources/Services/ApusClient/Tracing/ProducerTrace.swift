import ClientCore
import ClientEngine
import MessageFormat

/// Writes down what became of a producer's messages.
struct ProducerTrace: Sendable {
    /// A send that has left for the first time.
    struct Sending: Sendable {
        let send: OutgoingSend
        let began: Now
    }

    private let writer: TraceWriter
    private let namespace: Namespace
    private let group: String

    init?(_ configuration: ApusClient.Configuration, group: String) {
        guard let writer = TraceWriter(configuration, group: group, role: "PRODUCE") else {
            return nil
        }
        self.writer = writer
        self.namespace = Namespace(configuration.namespace)
        self.group = self.namespace.bare(group)
    }

    /// A broker has stored the messages. It says whether it wants them traced.
    func stored(
        _ sending: Sending, _ acknowledgement: SendAcknowledgement, at now: Tick
    ) {
        guard acknowledgement.isTraced else { return }
        let ids = acknowledgement.offsetMessageID.split(separator: ",")
        for (index, message) in sending.send.messages.enumerated()
        where message.properties[PropertyName.traceOn] != "false" {
            let offsetID = index < ids.count ? String(ids[index]) : ""
            self.writer.add(
                .sent(
                    .init(
                        timestamp: sending.began.wall.milliseconds,
                        region: acknowledgement.region ?? "", group: self.group,
                        topic: self.namespace.bare(sending.send.topic),
                        messageID: message.uniqueKey,
                        tag: message.properties[PropertyName.tags] ?? "",
                        keys: message.properties[PropertyName.keys] ?? "",
                        storeHost: OffsetMessageID(offsetID)?.storeHost.description ?? "",
                        bodyBytes: message.body.count,
                        milliseconds: Tick(now - sending.began.tick).nanoseconds / 1_000_000,
                        kind: sending.send.traceKind, offsetMessageID: offsetID)))
        }
    }

    func ended(
        _ receipt: SendReceipt, of message: Message, _ outcome: TransactionOutcome
    ) {
        guard receipt.region != nil else { return }
        self.writer.add(
            .transactionEnded(
                .init(
                    timestamp: SystemClock.wall().milliseconds, region: receipt.region ?? "",
                    group: self.group, topic: message.topic, messageID: receipt.messageID,
                    tag: message.tag ?? "", keys: message.keys.joined(separator: " "),
                    storeHost: OffsetMessageID(receipt.offsetMessageID)?.storeHost.description
                        ?? "", transactionID: receipt.messageID, outcome: outcome,
                    wasAsked: false)))
    }

    func checked(_ message: ReceivedMessage, _ outcome: TransactionOutcome) {
        let properties = message.inbound.properties
        self.writer.add(
            .transactionEnded(
                .init(
                    timestamp: SystemClock.wall().milliseconds,
                    region: properties[PropertyName.region] ?? "", group: self.group,
                    topic: message.topic, messageID: message.messageID, tag: message.tag ?? "",
                    keys: properties[PropertyName.keys] ?? "", storeHost: message.storeHost,
                    transactionID: message.messageID, outcome: outcome, wasAsked: true)))
    }

    func recalled(_ messageID: String, topic: String, succeeded: Bool) {
        self.writer.add(
            .recalled(
                .init(
                    timestamp: SystemClock.wall().milliseconds, region: "", group: self.group,
                    topic: self.namespace.bare(topic), messageID: messageID, succeeded: succeeded)))
    }

    func close() async { await self.writer.close() }
}

extension OutgoingSend {
    fileprivate var traceKind: TraceRecord.Kind {
        switch (self.kind, self.placement) {
        case (.half, _): .transactionHalf
        case (.delayed, _): .delayed
        case (.plain, .key): .ordered
        case (.plain, _), (.reply, _): .normal
        }
    }
}
