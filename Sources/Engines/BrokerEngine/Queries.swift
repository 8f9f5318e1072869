import LogCore
import MessageFormat
import RemotingProtocol

/// A query by key: entries whose hash fits, then the messages, then a look at their real keys.
struct QueryJob: Sendable {
    var caller: Caller
    var topic: String
    var key: String
    var messagesMax: Int
    var begin: Timestamp
    var end: Timestamp
    /// Whether only the unique key counts.
    var isUniqueKey: Bool
    var found: [IndexEntry]
}

// Messages by id and by key.
extension BrokerEngine {
    mutating func viewMessage(_ command: ReceivedCommand, from caller: Caller) throws {
        let offset = try command.requiredInt64("offset")
        guard offset >= 0, PhysicalOffset(offset) < self.progress.confirmed else {
            throw Refusal(.systemError, "no message at offset \(offset)")
        }
        let ticket = self.reads.add(.view(caller))
        self.effects.append(.readMessage(ticket, at: PhysicalOffset(offset)))
    }

    mutating func answerView(_ caller: Caller, _ bytes: [UInt8]) {
        self.succeed(caller, body: bytes)
    }

    mutating func queryMessage(_ command: ReceivedCommand, from caller: Caller) throws {
        try self.checkShown()
        let isUniqueKey = try command.bool("_UNIQUE_KEY_QUERY") ?? false
        let asked = try command.requiredInt32("maxNum")
        guard asked > 0 else { throw Refusal(.invalidParameter, "maxNum must be positive") }
        let job = QueryJob(
            caller: caller, topic: try command.requiredString("topic"),
            key: try command.requiredString("key"),
            messagesMax: isUniqueKey ? 32 : min(Int(asked), 1_024),
            begin: Timestamp(milliseconds: try command.requiredInt64("beginTimestamp")),
            end: Timestamp(milliseconds: try command.requiredInt64("endTimestamp")),
            isUniqueKey: isUniqueKey, found: [])
        let hash = KeyIndex.hash(topic: job.topic, key: job.key)
        let limit = job.messagesMax * 2
        var withMemory = job
        withMemory.found = self.keys.entries(hash: hash, limit: limit)
        let sealed = self.segments.all.filter { $0.state == .sealed }.map(\.base)
        guard !sealed.isEmpty, withMemory.found.count < limit else {
            return self.resume(withMemory, found: [])
        }
        let ticket = self.reads.add(.query(withMemory))
        self.effects.append(
            .findByKey(ticket, segments: sealed.reversed(), hash: hash, limit: limit))
    }

    mutating func resume(_ job: QueryJob, found entries: [IndexEntry]) {
        var job = job
        job.found = (job.found + entries)
            .filter { $0.storeTimestamp >= job.begin && $0.storeTimestamp <= job.end }
        guard !job.found.isEmpty else { return self.answerNoMessage(job) }
        let ticket = self.reads.add(.query(job))
        self.effects.append(.readMessages(ticket, job.found))
    }

    mutating func answerQuery(_ job: QueryJob, _ bytes: [UInt8]) {
        var body: [UInt8] = []
        var count = 0
        bytes.withUnsafeBytes { all in
            var at = 0
            while count < job.messagesMax,
                let message = try? StoredMessageView(all.slice(at..<all.count))
            {
                at += message.size
                guard job.accepts(message) else { continue }
                body.append(contentsOf: message.encoded)
                count += 1
            }
        }
        guard count > 0 else { return self.answerNoMessage(job) }
        self.succeed(
            job.caller,
            [
                "indexLastUpdateTimestamp": String(self.now.wall.milliseconds),
                "indexLastUpdatePhyoffset": String(self.progress.confirmed.bytes),
            ], body: body)
    }

    private mutating func answerNoMessage(_ job: QueryJob) {
        self.refuse(
            job.caller,
            Refusal(.queryNotFound, "no message of topic \(job.topic) under the key \(job.key)"))
    }
}

extension QueryJob {
    /// Hashes collide: topic and key are compared.
    func accepts(_ message: StoredMessageView) -> Bool {
        guard message.topic == self.topic else { return false }
        let properties = message.properties
        if properties[PropertyName.uniqueKey] == self.key { return true }
        guard !self.isUniqueKey, let keys = properties[PropertyName.keys] else { return false }
        return keys.split(separator: " ").contains { $0 == self.key }
    }
}
