import ClientEngine
import MessageFormat
import RemotingProtocol

extension Admin {
    /// The message with this id: the broker's, or the one that its producer gave it.
    ///
    /// A producer's id is looked for in `topic`; without a topic only a broker's id can be found.
    public func message(
        id: String, topic: String? = nil
    ) async throws(ApusClientError) -> ReceivedMessage {
        if let offsetID = OffsetMessageID(id), offsetID.storeHost.port > 0,
            let found = try? await self.message(offsetID, topic: topic),
            found.offsetMessageID == id.uppercased()
        {
            return found
        }
        if let topic {
            let found = try await self.messages(
                topic: topic, key: id, isUniqueKey: true, limit: 32)
            if let message = found.first(where: { $0.messageID == id }) { return message }
        }
        let hint = topic == nil ? "; a producer's id needs the topic, too" : ""
        throw ApusClientError(.notFound, "no message has the id \(id)\(hint)")
    }

    /// Messages of the topic that carry the key, in the order of their storing.
    ///
    /// - Parameters:
    ///   - from: the earliest storing, in milliseconds since 1970.
    ///   - until: the latest.
    public func messages(
        topic: String, key: String, from: Int64 = 0, until: Int64 = .max, limit: Int = 64
    ) async throws(ApusClientError) -> [ReceivedMessage] {
        let found = try await self.messages(
            topic: topic, key: key, from: from, until: until, isUniqueKey: false, limit: limit)
        // Brokers look for the key's hash.
        return found.filter { $0.keys.contains(key) }
    }

    private func message(
        _ id: OffsetMessageID, topic: String?
    ) async throws(ApusClientError) -> ReceivedMessage? {
        var request = RemotingCommand.request(
            .viewMessageByID, fields: ["offset": String(id.physicalOffset.bytes)])
        request["topic"] = topic
        let what = "reading message \(id.text)"
        let answer = try await self.connection.call(
            request, to: id.storeHost.description, during: what)
        return try Self.messages(of: answer, brokerName: "", during: what).first
    }

    private func messages(
        topic: String, key: String, from: Int64 = 0, until: Int64 = .max, isUniqueKey: Bool,
        limit: Int
    ) async throws(ApusClientError) -> [ReceivedMessage] {
        let what = "looking for messages of topic \(topic) with key \(key)"
        let route = try await self.connection.route(of: topic)
        var found: [ReceivedMessage] = []
        for broker in route.brokers.keys.sorted() {
            guard let address = route.address(of: broker) else { continue }
            let answer = try await self.connection.call(
                .request(
                    .queryMessage,
                    fields: [
                        "_UNIQUE_KEY_QUERY": String(isUniqueKey), "beginTimestamp": String(from),
                        "endTimestamp": String(until), "key": key, "maxNum": String(limit),
                        "topic": topic,
                    ]), to: address, accepting: [.success, .queryNotFound], during: what)
            guard answer.responseCode == .success else { continue }
            found += try Self.messages(of: answer, brokerName: broker, during: what)
        }
        return found.sorted {
            ($0.storeTimestamp, $0.physicalOffset) < ($1.storeTimestamp, $1.physicalOffset)
        }
    }

    private static func messages(
        of answer: ReceivedCommand, brokerName: String, during what: String
    ) throws(ApusClientError) -> [ReceivedMessage] {
        let result = answer.withBodyBytes { bytes in
            Result { () throws(MessageFormatError) -> [InboundMessage] in
                try InboundMessage.messages(in: bytes, brokerName: brokerName)
            }
        }
        switch result {
        case .success(let messages): return ReceivedMessage.all(messages)
        case .failure(let error):
            throw ApusClientError(.badAnswer, "\(what): \(error)", cause: error)
        }
    }
}
