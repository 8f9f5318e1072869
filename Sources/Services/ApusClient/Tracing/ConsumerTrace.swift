import ClientCore
import ClientEngine
import MessageFormat

/// Writes down what a consumer's handlers do.
struct ConsumerTrace: Sendable {
    /// One handling of one message.
    struct Handling: Sendable {
        let requestID: String
        let messageID: String
        let keys: String
        let began: Tick
    }

    private let writer: TraceWriter
    private let group: String

    init?(_ configuration: ApusClient.Configuration, group: String) {
        guard let writer = TraceWriter(configuration, group: group, role: "CONSUME") else {
            return nil
        }
        self.writer = writer
        self.group = Namespace(configuration.namespace).bare(group)
    }

    /// The message is about to be handled. Nil if its producer or its broker wants no trace.
    func began(_ message: ReceivedMessage) -> Handling? {
        let properties = message.inbound.properties
        guard properties[PropertyName.traceOn] != "false" else { return nil }
        let handling = Handling(
            requestID: self.writer.newRequestID(), messageID: message.messageID,
            keys: properties[PropertyName.keys] ?? "", began: SystemClock.tick())
        self.writer.add(
            .received(
                .init(
                    timestamp: SystemClock.wall().milliseconds,
                    region: properties[PropertyName.region] ?? "", group: self.group,
                    requestID: handling.requestID, messageID: handling.messageID,
                    reconsumeTimes: message.reconsumeTimes, keys: handling.keys)))
        return handling
    }

    func ended(_ handling: Handling?, _ outcome: TraceRecord.Outcome) {
        guard let handling else { return }
        let time = SystemClock.tick() - handling.began
        self.writer.add(
            .handled(
                .init(
                    requestID: handling.requestID, messageID: handling.messageID,
                    milliseconds: Tick(time).nanoseconds / 1_000_000,
                    succeeded: outcome == .success, keys: handling.keys, outcome: outcome,
                    timestamp: SystemClock.wall().milliseconds, group: self.group)))
    }

    func close() async { await self.writer.close() }
}
