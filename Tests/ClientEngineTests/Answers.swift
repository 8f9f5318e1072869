import ClientCore
import ClientEngine
import MessageFormat
import RemotingProtocol
import Testing

/// What servers answer, as the engines see it.
enum Answers {
    static func command(
        _ code: ResponseCode, fields: KeyValuePairs<String, String> = [:], body: [UInt8] = []
    ) -> CallResult {
        do {
            return .success(
                try ReceivedCommand(
                    receiving: .response(code, to: 1, fields: fields, body: body)))
        } catch {
            Issue.record("an answer of the test cannot be read: \(error)")
            return .failure(Self.failure(.local, wasSent: false))
        }
    }

    static func failure(_ kind: AttemptFailure.Kind, wasSent: Bool) -> CallFailure {
        CallFailure(AttemptFailure(kind, reason: "test"), requestWasSent: wasSent)
    }

    static let lost = CallResult.failure(failure(.connectionLost, wasSent: true))
    static let timedOut = CallResult.failure(failure(.timedOut, wasSent: true))
    static let refused = CallResult.failure(failure(.connectFailed, wasSent: false))

    /// A route over brokers whose masters have the address `<name>:1`.
    static func route(
        _ brokers: [String], queues: Int32 = 2, permission: TopicPermission = .readWrite,
        masterOf masters: [String: String] = [:], without orphans: Set<String> = []
    ) -> CallResult {
        let data = TopicRouteData(
            brokers: brokers.map {
                BrokerData(
                    cluster: "C", brokerName: $0,
                    addresses: orphans.contains($0)
                        ? [2: "\($0):2"] : [0: masters[$0] ?? "\($0):1"])
            },
            queues: brokers.map {
                QueueData(
                    brokerName: $0, readQueues: queues, writeQueues: queues,
                    permission: permission)
            })
        return Self.command(.success, body: data.encoded)
    }

    static func stored(queue: MessageQueue, offset: Int64) -> CallResult {
        Self.command(
            .success,
            fields: [
                "msgId": "7F00000100002A9F0000000000000000", "queueId": String(queue.queueID),
                "queueOffset": String(offset),
            ])
    }

    static func offset(_ offset: Int64) -> CallResult {
        Self.command(.success, fields: ["offset": String(offset)])
    }

    static func members(_ ids: [String]) -> CallResult {
        Self.command(.success, body: ConsumerIDList(clientIDs: ids).encoded)
    }

    static func pulled(
        _ code: ResponseCode, next: Int64, body: [UInt8] = []
    ) -> CallResult {
        Self.command(
            code,
            fields: [
                "maxOffset": "100", "minOffset": "0", "nextBeginOffset": String(next),
                "suggestWhichBrokerId": "0",
            ], body: body)
    }

    /// Stored messages at the given offsets.
    static func messages(_ offsets: some Sequence<Int64>, tag: String? = nil) -> [UInt8] {
        var bytes: [UInt8] = []
        for offset in offsets {
            let draft = MessageDraft(
                topic: "T", queueID: 0, bornTimestamp: Timestamp(milliseconds: 1),
                bornHost: .unknown, storeHost: .unknown)
            var properties = MessageProperties()
            properties[PropertyName.tags] = tag
            let body = Array("m\(offset)".utf8)
            let text = Array(properties.wireText.utf8)
            body.withUnsafeBytes { body in
                text.withUnsafeBytes { properties in
                    draft.append(
                        to: &bytes, body: body, properties: properties,
                        queueOffset: QueueOffset(offset), physicalOffset: .zero,
                        storeTimestamp: Timestamp(milliseconds: 2))
                }
            }
        }
        return bytes
    }
}

func ms(_ value: Int) -> Tick { Tick(.milliseconds(value)) }
