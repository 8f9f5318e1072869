import BrokerEngine
import DeliveryCore
import LogCore
import MessageFormat
import RemotingProtocol

/// A popped message as a client has it.
struct Popped: Hashable {
    var topic: String
    var text: String
    var queueID: Int32
    var offset: Int64
    var reconsumeTimes: Int32
    var handle: String
    var properties: MessageProperties

    /// What a client of RocketMQ's makes of an answer: the handle stands in the message, or is
    /// built from the header's fields.
    static func all(_ fields: [HeaderField], _ body: [UInt8]) -> [Self] {
        let field = { (name: String) in fields.first { $0.name == name }?.value ?? "" }
        let starts = Self.table(field("startOffsetInfo"))
        let common = "\(field("popTime")) \(field("invisibleTime")) \(field("reviveQid"))"
        return body.withUnsafeBytes { bytes in
            var all: [Self] = []
            var at = 0
            while at < bytes.count,
                let message = try? StoredMessageView(UnsafeRawBufferPointer(rebasing: bytes[at...]))
            {
                at += message.size
                let kind = message.topic.hasPrefix("%RETRY%") ? 1 : 0
                let start = starts["\(kind) \(message.queueID)"] ?? "?"
                all.append(
                    Self(
                        topic: message.topic,
                        text: String(decoding: message.body, as: UTF8.self),
                        queueID: message.queueID, offset: message.queueOffset.value,
                        reconsumeTimes: message.reconsumeTimes,
                        handle: message.properties["POP_CK"]
                            ?? "\(start) \(common) \(kind) broker-a \(message.queueID) "
                            + "\(message.queueOffset.value)",
                        properties: message.properties))
            }
            return all
        }
    }

    private static func table(_ text: String) -> [String: String] {
        var table: [String: String] = [:]
        for part in text.split(separator: ";") {
            let words = part.split(separator: " ")
            table["\(words[0]) \(words[1])"] = String(words[2])
        }
        return table
    }
}

extension EngineBench {
    /// Pops, and lets the disk do what it has to.
    mutating func pop(
        _ max: Int32 = 32, ordered: Bool = false, attempt: String? = nil, topic: String = "T",
        queue: Int32 = -1, invisible: Int64 = 60_000, expression: String? = nil,
        type: String? = nil, startMode: Int32 = 0
    ) -> [Popped] {
        let pop = self.request(
            Requests.pop(
                max, topic: topic, queue: queue, invisible: invisible, expression: expression,
                type: type, startMode: startMode, ordered: ordered, attempt: attempt))
        self.settle()
        return self.popped(pop)
    }

    func popped(_ opaque: Int32) -> [Popped] {
        self.answer(to: opaque).map { Popped.all($0.fields, $0.body) } ?? []
    }

    @discardableResult
    mutating func acknowledge(_ message: Popped) -> ResponseCode? {
        let ack = self.request(Requests.acknowledge(message))
        self.settle()
        return self.answer(to: ack)?.code
    }

    /// Time passes as it does: in small steps, and the disk keeps up.
    mutating func live(_ time: Duration, step: Duration = .milliseconds(500)) {
        var left = time
        while left > .zero {
            self.pass(min(left, step))
            self.settle()
            left -= step
        }
    }

    /// Pops and acknowledges until nothing comes any more, for longer than anything is invisible.
    mutating func drain(_ rounds: Int = 8) -> [Popped] {
        var all: [Popped] = []
        for _ in 0..<rounds {
            while true {
                let popped = self.pop()
                if popped.isEmpty { break }
                all += popped
                for message in popped { self.acknowledge(message) }
            }
            self.live(.seconds(20), step: .seconds(2))
        }
        return all
    }
}

extension Requests {
    /// Later than any clock of a bench: a client whose clock is ahead waits as long as it asked.
    private static let ahead = Int64(4_000_000_000_000)

    static func pop(
        _ max: Int32 = 32, topic: String = "T", queue: Int32 = -1, group: String = "CG",
        invisible: Int64 = 60_000, poll: Int64 = 0, expression: String? = nil,
        type: String? = nil, startMode: Int32 = 0, ordered: Bool = false, attempt: String? = nil,
        born: Int64 = Self.ahead, returns: Bool = false
    ) -> RemotingCommand {
        PopRequest(
            consumerGroup: group, topic: topic, queueID: queue, maxMessages: max,
            invisibleTime: invisible, pollTime: poll, bornTime: born,
            startMode: startMode, expression: expression, expressionType: type,
            isOrdered: ordered, attemptID: attempt, returnsOnClose: returns
        ).command
    }

    static func notification(poll: Int64 = 0) -> RemotingCommand {
        NotificationRequest(
            consumerGroup: "CG", topic: "T", pollTime: poll, bornTime: Self.ahead
        ).command
    }

    static func acknowledge(_ message: Popped, group: String = "CG") -> RemotingCommand {
        Self.handle(message, group: group).command
    }

    static func change(
        _ message: Popped, to invisible: Int64, returns: Bool = false
    ) -> RemotingCommand {
        ChangeInvisibleTimeRequest(
            message: Self.handle(message, group: "CG"), invisibleTime: invisible,
            returnsOnClose: returns
        ).command
    }

    /// Clients derive the storing topic from the handle's kind.
    private static func handle(_ message: Popped, group: String) -> AcknowledgeRequest {
        let isRetry = message.handle.split(separator: " ")[4] == "1"
        let storing =
            isRetry && !message.topic.hasPrefix("%RETRY%")
            ? "%RETRY%\(group)_\(message.topic)" : message.topic
        return AcknowledgeRequest(
            consumerGroup: group, topic: storing, queueID: message.queueID,
            extraInfo: message.handle, offset: message.offset)
    }
}
